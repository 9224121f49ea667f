"""The gRPC services of this service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixel.social.v1.notifications_service_pb2_grpc import add_NotificationsServiceServicer_to_server
from pixel.social.v1.sets_service_pb2_grpc import add_FeedServiceServicer_to_server, add_SetsServiceServicer_to_server

from pixel_social.adapters.inbound.grpc.feed.servicer import FeedServicer
from pixel_social.adapters.inbound.grpc.notifications.servicer import NotificationsServicer
from pixel_social.adapters.inbound.grpc.sets.servicer import SetsServicer

if TYPE_CHECKING:
    from collections.abc import Callable

    import grpc

    from pixel_social.application import Application

SERVICES = ("pixel.social.v1.SetsService", "pixel.social.v1.FeedService", "pixel.social.v1.NotificationsService")


def register(app: Application) -> Callable[[grpc.aio.Server], None]:
    """Return the function that adds every service to a server."""

    def add(server: grpc.aio.Server) -> None:
        add_SetsServiceServicer_to_server(SetsServicer(app), server)
        add_FeedServiceServicer_to_server(FeedServicer(app), server)
        add_NotificationsServiceServicer_to_server(NotificationsServicer(app), server)

    return add
