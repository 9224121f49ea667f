"""Doors of admins on queues, failed work and statistics."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from pixel_errors import NotFound, Violation

from pixel_gateway.adapters.inbound.http import work_bodies as bodies
from pixel_gateway.adapters.inbound.http.bodies import BusSummary
from pixel_gateway.adapters.inbound.http.doors import Answer, Call, Door, Parameter, require_id
from pixel_gateway.adapters.inbound.http.errors import InvalidRequest
from pixel_gateway.adapters.inbound.http.generations import FROM, TO, limit_parameter
from pixel_gateway.adapters.inbound.http.money_bodies import AttemptView
from pixel_gateway.adapters.inbound.http.queues import stats_fields
from pixel_gateway.adapters.inbound.http.reply import Reply, json_reply
from pixel_gateway.adapters.inbound.http.shown import shown
from pixel_gateway.adapters.inbound.http.views import error_view
from pixel_gateway.domain.access import Access
from pixel_gateway.domain.generation import JobType
from pixel_gateway.domain.operations import FailureFilter, QueueChange, Redrive

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pixel_gateway.adapters.inbound.http.health import Health
    from pixel_gateway.adapters.inbound.http.query import Query
    from pixel_gateway.application import Application
    from pixel_gateway.domain.operations import Action, FailurePage, Queue

_CURSOR = Parameter("cursor", "`nextCursor` of the page before.")
_USER = Parameter("userId", "Only this user.")
_GENERATION = Parameter("generationId", "Only this generation.")
_NO_LIMIT = -1
_STATE_OF = {"pause": "paused", "resume": "open", "drain": "draining"}
_EFFECT_OF = {
    "pause": "Stop starting generations of a queue; it still takes new ones",
    "resume": "Open a queue",
    "drain": "Let a queue run empty; it takes no new generations",
}


def doors(app: Application, health: Health) -> list[Door]:
    """Return the doors of this group."""
    return [*_look_doors(app, health), *_failure_doors(app), *_queue_doors(app)]


def _look_doors(app: Application, health: Health) -> list[Door]:
    records = app.engine.ports.records

    async def monitor(call: Call) -> Reply:
        call.query()
        found = await app.engine.monitor()
        bus = await health.bus()
        queues = found.queue.queues
        view = bodies.MonitorView(
            queue=shown(found.queue, bodies.QueueStatusView),
            queues=[_queue_view(queue) for queue in queues],
            jobs_by_status={
                "queued": sum(queue.queued + queue.held_back for queue in queues),
                "processing": found.queue.processing_count,
                "completed": found.stats.successful_generations,
                "failed": found.stats.failed_generations,
                "cancelled": found.stats.cancelled_generations,
            },
            retries=found.stats.retries,
            # A worker stands with every queue it serves.
            workers=max((queue.workers for queue in queues), default=0),
            processing_times=[shown(each, bodies.ModelStatsView) for each in found.stats.models],
            failures=_failure_list(found.failures),
            actions=_action_views(found.actions),
            bus=BusSummary(bus.reachable, [*bus.missing], bus.error or None),
        )
        return json_reply(view)

    async def stats(call: Call) -> Reply:
        query = call.query("from", "to", "userId")
        found = await records.stats(_id_in(query, "userId", "usr"), query.moment("from"), query.moment("to"))
        view = bodies.AdminStatsView(**stats_fields(found), api_costs_by_provider=found.provider_cost_usd_micros)
        return json_reply(view)

    async def actions(call: Call) -> Reply:
        query = call.query("limit", "cursor", "userId", "generationId")
        found, next_cursor = await records.actions(
            user_id=_id_in(query, "userId", "usr"),
            generation_id=_id_in(query, "generationId", "gen"),
            limit=query.whole("limit", default=20, least=1, most=100),
            cursor=query.cursor(),
        )
        return json_reply(bodies.ActionPage(_action_views(found), next_cursor or None))

    return [
        Door(
            "GET",
            "/api/admin/monitor",
            monitor,
            "The state of the studio",
            {200: Answer("Queue, queues, workers and bus now; what ended since yesterday.", bodies.MonitorView)},
            access=Access.ADMIN,
            tag="admin",
        ),
        Door(
            "GET",
            "/api/admin/stats",
            stats,
            "Statistics of all users, or of one",
            {200: Answer("Sums over ended generations, and what the providers charge.", bodies.AdminStatsView)},
            access=Access.ADMIN,
            tag="admin",
            parameters=(FROM, TO, _USER),
        ),
        Door(
            "GET",
            "/api/admin/actions",
            actions,
            "What people did",
            {200: Answer("Newest first.", bodies.ActionPage)},
            access=Access.ADMIN,
            tag="admin",
            parameters=(limit_parameter(20), _CURSOR, _USER, _GENERATION),
        ),
    ]


def _failure_doors(app: Application) -> list[Door]:
    failures = app.engine.ports.failures

    async def page(call: Call) -> Reply:
        query = call.query("limit", "cursor", "failureCode", "model", "userId", "jobType", "from", "to", "generationId")
        wanted = FailureFilter(
            failure_code=query.text("failureCode", max_length=64),
            model=query.text("model", max_length=64),
            user_id=_id_in(query, "userId", "usr"),
            job_type=query.word("jobType", [*JobType], default=""),
            from_time=query.moment("from"),
            to_time=query.moment("to"),
            generation_id=_id_in(query, "generationId", "gen"),
        )
        limit = query.whole("limit", default=20, least=1, most=100)
        return json_reply(_failure_list(await failures.page(wanted, limit=limit, cursor=query.cursor())))

    async def redrive(call: Call) -> Reply:
        body = await call.json(bodies.RedriveBody)
        redrive = Redrive(
            _filter_of(body.filter),
            actor=call.user_id,
            dry_run=body.dry_run,
            limit=body.limit,
            rate_per_second=body.rate_per_second,
        )
        result = await failures.redrive(redrive)
        return json_reply(shown(result, bodies.RedrivenView, dry_run=body.dry_run))

    job_type = Parameter("jobType", "Only this kind of work.", {"type": "string", "enum": [*JobType]})
    return [
        Door(
            "GET",
            "/api/admin/failures",
            page,
            "Failed work",
            {200: Answer("Each with its runs and without what its user wrote.", bodies.FailureList)},
            access=Access.ADMIN,
            tag="admin",
            parameters=(
                limit_parameter(20),
                _CURSOR,
                Parameter("failureCode", "Only this failure code."),
                Parameter("model", "Only this model."),
                _USER,
                job_type,
                FROM,
                TO,
                _GENERATION,
            ),
        ),
        Door(
            "POST",
            "/api/admin/failures/retry",
            redrive,
            "Run failed work again",
            {200: Answer("Which were, or would be, queued again.", bodies.RedrivenView)},
            access=Access.ADMIN,
            tag="admin",
            body=bodies.RedriveBody,
            body_example={"filter": {"failureCode": "timeout"}, "dryRun": True, "limit": 100, "ratePerSecond": 5},
        ),
    ]


def _queue_doors(app: Application) -> list[Door]:
    queue = app.engine.ports.queue

    async def queues(call: Call) -> Reply:
        call.query()
        return json_reply(bodies.QueueList([_queue_view(queue) for queue in await queue.queues()]))

    async def update(call: Call) -> Reply:
        call.query()
        body = await call.json(bodies.UpdateQueueBody)
        if body.max_running is msgspec.UNSET and body.max_queued is msgspec.UNSET:
            message = "has to change maxRunning or maxQueued"
            raise InvalidRequest(f"The body {message}.", violations=(Violation("maxRunning", message),))
        max_running = _NO_LIMIT if body.max_running is None else body.max_running
        change = QueueChange(
            queue=_queue_in_path(call),
            actor=call.user_id,
            max_running=None if max_running is msgspec.UNSET else max_running,
            max_queued=None if body.max_queued is msgspec.UNSET else body.max_queued,
            reason=body.reason,
        )
        return json_reply(_queue_view(await queue.update_queue(change)))

    def switch(verb: str) -> Door:
        async def handle(call: Call) -> Reply:
            call.query()
            body = await call.json_or_nothing(bodies.SwitchQueueBody)
            change = QueueChange(_queue_in_path(call), call.user_id, state=_STATE_OF[verb], reason=body.reason)
            return json_reply(_queue_view(await queue.update_queue(change)))

        path = f"/api/admin/queues/{{queue:str}}/{verb}"
        answer = {200: Answer("The queue now.", bodies.QueueView)}
        return Door(
            "POST",
            path,
            handle,
            _EFFECT_OF[verb],
            answer,
            access=Access.ADMIN,
            tag="admin",
            body=bodies.SwitchQueueBody,
            body_example={"reason": "The provider has an incident"},
            needs_body=False,
        )

    return [
        Door(
            "GET",
            "/api/admin/queues",
            queues,
            "List the queues",
            {200: Answer("By name.", bodies.QueueList)},
            access=Access.ADMIN,
            tag="admin",
        ),
        *(switch(verb) for verb in _STATE_OF),
        Door(
            "PATCH",
            "/api/admin/queues/{queue:str}",
            update,
            "Change the limits of a queue",
            {200: Answer("The queue now.", bodies.QueueView)},
            access=Access.ADMIN,
            tag="admin",
            body=bodies.UpdateQueueBody,
            body_example={"maxRunning": 20, "reason": "The provider allows more now"},
        ),
    ]


def _queue_in_path(call: Call) -> str:
    return str(call.scope["path_params"]["queue"])[:64]


def _id_in(query: Query, name: str, prefix: str) -> str:
    """Return the id a parameter holds, or the empty text."""
    text = query.text(name, max_length=64)
    try:
        return require_id(prefix, text) if text else ""
    except NotFound:
        message = f"has to be {prefix}_ and 32 hex digits"
        raise InvalidRequest(f"{name} {message}.", violations=(Violation(name, message),)) from None


def _filter_of(body: bodies.FailureFilterBody) -> FailureFilter:
    wanted = FailureFilter(
        failure_code=body.failure_code or "",
        model=body.model or "",
        user_id=body.user_id or "",
        job_type=body.job_type or "",
        from_time=body.from_,
        to_time=body.to,
        generation_id=body.generation_id or "",
    )
    if wanted == FailureFilter():
        message = "has to have at least one field"
        raise InvalidRequest(f"filter {message}.", violations=(Violation("filter", message),))
    return wanted


def _failure_list(page: FailurePage) -> bodies.FailureList:
    items = [
        shown(
            each,
            bodies.FailedWorkView,
            failure=error_view(each.failure),
            attempts=[shown(attempt, AttemptView) for attempt in each.attempts],
        )
        for each in page.failures
    ]
    return bodies.FailureList(items, page.next_cursor or None, page.count_by_code)


def _queue_view(queue: Queue) -> bodies.QueueView:
    return shown(queue, bodies.QueueView)


def _action_views(actions: Sequence[Action]) -> list[bodies.ActionView]:
    return [shown(action, bodies.ActionView) for action in actions]
