"""Converts the data of admins to public bodies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixel_gateway.adapters.inbound.http.api.admin.money_schemas import PromotionView
from pixel_gateway.adapters.inbound.http.api.admin.schemas import (
    ActionView,
    BusSummary,
    FailedWorkView,
    FailureList,
    MonitorView,
    QueueView,
    SetAsideView,
)
from pixel_gateway.adapters.inbound.http.api.billing.schemas import AttemptView
from pixel_gateway.adapters.inbound.http.api.generations.presenters import error_view
from pixel_gateway.adapters.inbound.http.api.queue.schemas import ModelStatsView, QueueStatusView
from pixel_gateway.adapters.inbound.http.routing.struct_mapping import to_struct

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pixel_events import BusHealth

    from pixel_gateway.application.operations.monitor import Monitored
    from pixel_gateway.domain.billing import Promotion
    from pixel_gateway.domain.operations import Action, FailurePage, Queue


def monitor_view(found: Monitored, bus: BusHealth) -> MonitorView:
    """Return the public form of the state of the studio."""
    queues = found.queue.queues
    return MonitorView(
        queue=to_struct(found.queue, QueueStatusView),
        queues=[queue_view(queue) for queue in queues],
        jobs_by_status={
            "queued": sum(queue.queued + queue.held_back for queue in queues),
            "processing": found.queue.processing_count,
            "completed": found.stats.successful_generations,
            "failed": found.stats.failed_generations,
            "cancelled": found.stats.cancelled_generations,
        },
        retries=found.stats.retries,
        # A worker counts at every queue it serves.
        workers=max((queue.workers for queue in queues), default=0),
        processing_times=[to_struct(each, ModelStatsView) for each in found.stats.models],
        failures=failure_list(found.failures),
        actions=action_views(found.actions),
        bus=BusSummary(bus.reachable, [*bus.missing], bus.error or None),
    )


def failure_list(page: FailurePage) -> FailureList:
    """Return the public form of a page of failed work."""
    items = [
        to_struct(
            each,
            FailedWorkView,
            failure=error_view(each.failure),
            attempts=[to_struct(attempt, AttemptView) for attempt in each.attempts],
        )
        for each in page.failures
    ]
    set_aside = [to_struct(each, SetAsideView) for each in page.set_aside]
    return FailureList(items, page.next_cursor or None, page.count_by_code, set_aside)


def queue_view(queue: Queue) -> QueueView:
    """Return the public form of a queue."""
    return to_struct(queue, QueueView)


def action_views(actions: Sequence[Action]) -> list[ActionView]:
    """Return the public form of an action."""
    return [to_struct(action, ActionView) for action in actions]


def promotion_view(promotion: Promotion) -> PromotionView:
    """Return the public form of a promotion code."""
    return to_struct(promotion, PromotionView, max_uses=promotion.max_uses or None)
