"""Converts notifications to messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixel.social.v1 import notifications_service_pb2 as pb
from pixel_runtime.ids import format_id

from pixel_social.adapters.inbound.grpc.fields import write_time

if TYPE_CHECKING:
    from pixel_social.domain.notifications.notification import Notification


def write_notification(notification: Notification) -> pb.Notification:
    return pb.Notification(
        id=format_id("ntf", notification.id),
        kind=notification.kind,
        count=notification.count,
        reasons=notification.reasons,
        resource_id=format_id("gen", notification.resource_id),
        first_time=write_time(notification.first_at),
        last_time=write_time(notification.last_at),
        read_time=write_time(notification.read_at) if notification.read_at else None,
    )
