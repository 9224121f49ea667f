"""Endpoints of admins on the state of the studio, statistics and failed work."""

from __future__ import annotations

from litestar import Controller
from pixel_errors import Violation

from pixel_gateway.adapters.inbound.http.api.admin.parameters import GENERATION, LIMIT, USER
from pixel_gateway.adapters.inbound.http.api.admin.presenters import action_views, failure_list, monitor_view
from pixel_gateway.adapters.inbound.http.api.admin.schemas import (
    ActionPage,
    AdminStatsView,
    FailureFilterBody,
    FailureList,
    MonitorView,
    RedriveBody,
    RedrivenView,
)
from pixel_gateway.adapters.inbound.http.api.generations.parameters import JOB_TYPE, MODEL
from pixel_gateway.adapters.inbound.http.api.operation.routes import health_of
from pixel_gateway.adapters.inbound.http.api.queue.presenters import stats_fields
from pixel_gateway.adapters.inbound.http.routing.endpoint import JsonBody, get, post
from pixel_gateway.adapters.inbound.http.routing.errors import InvalidRequest
from pixel_gateway.adapters.inbound.http.routing.parameters import CURSOR, FROM, TO, text
from pixel_gateway.adapters.inbound.http.routing.request import Request
from pixel_gateway.adapters.inbound.http.routing.struct_mapping import to_struct
from pixel_gateway.domain.access import Access
from pixel_gateway.domain.operations import FailureFilter, Redrive
from pixel_gateway.domain.rate_limit import LoadClass

_FAILURE_CODE = text("failureCode", "Only this failure code.", max_length=64)


class AdminWork(Controller):
    """The state of the studio, statistics, failures and actions."""

    tags = ("admin",)

    @get(
        "/api/admin/monitor",
        access=Access.ADMIN,
        load_class=LoadClass.CRITICAL,
        summary="The state of the studio",
        answer="Queues, workers and bus now; generations that ended since yesterday.",
    )
    async def monitor(self, request: Request) -> MonitorView:
        found = await request.application.operations.monitor()
        return monitor_view(found, await health_of(request).bus())

    @get(
        "/api/admin/stats",
        access=Access.ADMIN,
        load_class=LoadClass.CRITICAL,
        summary="Statistics of all users, or of one",
        answer="Sums over ended generations, and the provider costs.",
        parameters=(FROM, TO, USER),
    )
    async def view_stats(self, request: Request) -> AdminStatsView:
        query = request.query
        found = await request.application.operations.view_stats(query[USER], query[FROM], query[TO])
        return AdminStatsView(**stats_fields(found), api_costs_by_provider=found.provider_cost_usd_micros)

    @get(
        "/api/admin/actions",
        access=Access.ADMIN,
        load_class=LoadClass.CRITICAL,
        summary="List actions",
        answer="Newest first.",
        parameters=(LIMIT, CURSOR, USER, GENERATION),
    )
    async def list_actions(self, request: Request) -> ActionPage:
        query = request.query
        found, next_cursor = await request.application.operations.list_actions(
            user_id=query[USER], generation_id=query[GENERATION], limit=query[LIMIT], cursor=query[CURSOR]
        )
        return ActionPage(action_views(found), next_cursor or None)

    @get(
        "/api/admin/failures",
        access=Access.ADMIN,
        load_class=LoadClass.CRITICAL,
        summary="List failed work",
        answer="Each with its runs and without user text.",
        parameters=(LIMIT, CURSOR, _FAILURE_CODE, MODEL, USER, JOB_TYPE, FROM, TO, GENERATION),
    )
    async def list_failures(self, request: Request) -> FailureList:
        query = request.query
        wanted = FailureFilter(
            failure_code=query[_FAILURE_CODE],
            model=query[MODEL],
            user_id=query[USER],
            job_type=query[JOB_TYPE],
            from_time=query[FROM],
            to_time=query[TO],
            generation_id=query[GENERATION],
        )
        found = await request.application.operations.list_failures(wanted, limit=query[LIMIT], cursor=query[CURSOR])
        return failure_list(found)

    @post(
        "/api/admin/failures/retry",
        access=Access.ADMIN,
        load_class=LoadClass.CRITICAL,
        summary="Retry failed work",
        answer="The retried generations, or those a dry run would retry.",
        ignores_query=True,
        example={"filter": {"failureCode": "timeout"}, "dryRun": True, "limit": 100, "ratePerSecond": 5},
    )
    async def redrive_failures(self, request: Request, data: JsonBody[RedriveBody]) -> RedrivenView:
        redrive = Redrive(
            _filter_of(data.filter),
            actor=request.user_id,
            dry_run=data.dry_run,
            limit=data.limit,
            rate_per_second=data.rate_per_second,
        )
        result = await request.application.operations.redrive_failures(redrive)
        return to_struct(result, RedrivenView, dry_run=data.dry_run)


def _filter_of(body: FailureFilterBody) -> FailureFilter:
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
