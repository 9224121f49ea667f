"""Endpoints of generations: submit, read, list, poll, event log."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from litestar import Controller

from pixel_gateway.adapters.inbound.http.api.generations import presenters
from pixel_gateway.adapters.inbound.http.api.generations.cancellation import CANCEL, cancelled
from pixel_gateway.adapters.inbound.http.api.generations.parameters import (
    AFTER,
    CANCEL_AFTER,
    FAILURE_CODE,
    JOB_TYPE,
    KEY,
    MODEL,
    STATUS,
)
from pixel_gateway.adapters.inbound.http.api.generations.retry_safety import retry_safety
from pixel_gateway.adapters.inbound.http.api.generations.schemas import (
    Accepted,
    CancelView,
    GenerationPage,
    GenerationView,
    LogEntry,
    LogView,
    ProgressView,
)
from pixel_gateway.adapters.inbound.http.api.generations.submission import (
    EXAMPLE_REQUEST,
    CreateGeneration,
    submission_of,
)
from pixel_gateway.adapters.inbound.http.routing.endpoint import JsonBody, delete, get, post
from pixel_gateway.adapters.inbound.http.routing.parameters import (
    CURSOR,
    FROM,
    IDEMPOTENCY_KEY,
    PREFER_WAIT,
    TO,
    IdInPath,
    key_in,
    page_size,
)
from pixel_gateway.adapters.inbound.http.routing.request import Request, require_id
from pixel_gateway.adapters.inbound.http.routing.responses import JsonResponse
from pixel_gateway.adapters.inbound.http.routing.struct_mapping import to_struct
from pixel_gateway.application.generations.ports import HistoryQuery
from pixel_gateway.domain.generation import Generation, JobType, parse_status
from pixel_gateway.domain.rate_limit import LoadClass

if TYPE_CHECKING:
    from pixel_gateway.application.generations.timeline import TimelineEntry

_MAX_WAIT_S = 60
_MAX_WAIT_DIGITS = 9
_LIMIT = page_size(20)

SUBMISSION_PROBLEMS = {
    402: "INSUFFICIENT_CREDITS, DAILY_LIMIT_REACHED or BUDGET_EXHAUSTED: the request costs more than is left.",
    409: "MODEL_UNAVAILABLE: the provider of the model is not configured here.",
    429: "TOO_MANY_OPEN_JOBS: you have too many open generations; `Retry-After` says when some are expected to end.",
    503: "QUEUE_CLOSED, QUEUE_FULL, SUBMISSIONS_FULL or OVERLOADED: the service accepts no more at the moment.",
}


class Generations(Controller):
    """Generations of the caller."""

    tags = ("generations",)

    @post(
        "/api/generations",
        load_class=LoadClass.CREATE,
        status=202,
        summary="Submit a generation",
        answer="Accepted; `data.links` has the URLs to follow it.",
        headers={
            "Location": "URL of the generation.",
            "Retry-After": "Seconds to wait before polling.",
            "Preference-Applied": "The preference of the Prefer header that was honoured.",
            "Idempotent-Replayed": "`true` when the key was used for the same request before.",
        },
        description="Holds the credits and responds at once. The same Idempotency-Key with the same body returns "
        "the earlier generation; with another body it is refused with IDEMPOTENCY_KEY_REUSED.",
        parameters=(IDEMPOTENCY_KEY, PREFER_WAIT, CANCEL_AFTER),
        example=EXAMPLE_REQUEST,
        problems={
            **SUBMISSION_PROBLEMS,
            403: "PRIORITY_NOT_ALLOWED: your plan does not include this priority.",
            404: "MODEL_NOT_FOUND: the model does not exist.",
            422: "INVALID_REQUEST, INVALID_GENERATION: `errors` names fields and accepted values; PRICE_UNKNOWN; "
            "JOB_TYPE_NOT_AVAILABLE; IDEMPOTENCY_KEY_REUSED.",
        },
    )
    async def submit(self, request: Request, data: JsonBody[CreateGeneration]) -> JsonResponse[Accepted]:
        application = request.application
        submission = submission_of(data, request, idempotency_key=request.header(IDEMPOTENCY_KEY))
        applied = ""
        with retry_safety(submission.idempotency_key) as attempt:
            accepted = await application.generations.submit(submission)
            generation = await application.generations.as_readable(attempt.accepted(accepted))
            if (wait_s := preferred_wait_s(request)) and not generation.status.is_final:
                generation = await _waited(request, generation, wait_s)
                applied = f"wait={wait_s}"
            (view,) = await presenters.present(request, [generation])
        return presenters.accepted_response(view, replayed=accepted.replayed, applied=applied)

    @get(
        "/api/generations",
        load_class=LoadClass.READ,
        summary="List your generations",
        answer="Newest first.",
        parameters=(_LIMIT, CURSOR, STATUS, KEY, MODEL, JOB_TYPE, FROM, TO, FAILURE_CODE),
    )
    async def list_generations(self, request: Request) -> GenerationPage:
        query = request.query
        key, status, job_type = query[KEY], query[STATUS], query[JOB_TYPE]
        wanted = HistoryQuery(
            user_id=request.user_id,
            limit=query[_LIMIT],
            cursor=query[CURSOR],
            status=parse_status(status) if status else None,
            key=key_in("idempotencyKey", key) if key else "",
            model=query[MODEL],
            job_type=JobType(job_type) if job_type else None,
            from_time=query[FROM],
            to_time=query[TO],
            failure_code=query[FAILURE_CODE],
        )
        generations, next_cursor = await request.application.generations.list_page(wanted)
        items = await presenters.present(request, generations)
        return GenerationPage(items=items, next_cursor=next_cursor or None)

    @get(
        "/api/generations/{id:str}",
        load_class=LoadClass.STATUS,
        summary="Get a generation",
        answer="The generation.",
    )
    async def view(self, request: Request, generation_id: IdInPath) -> GenerationView:
        require_id("gen", generation_id)
        generation = await request.application.generations.view(request.user_id, generation_id)
        (view,) = await presenters.present(request, [generation])
        return view

    @delete("/api/generations/{id:str}", **CANCEL)
    async def cancel_by_delete(self, request: Request, generation_id: IdInPath) -> CancelView:
        return await cancelled(request, generation_id)

    @get(
        "/api/generation/{id:str}/status",
        load_class=LoadClass.STATUS,
        summary="Poll a generation",
        answer="Status and progress; `events` only when `after` is given.",
        parameters=(AFTER,),
    )
    async def poll(self, request: Request, generation_id: IdInPath) -> JsonResponse[ProgressView]:
        application, after = request.application, request.query[AFTER]
        require_id("gen", generation_id)
        known = await application.generations.view_progress(request.user_id, generation_id)
        addresses, events = {}, None
        if isinstance(known, Generation):  # otherwise the result is from the cache, which has neither
            asset_ids = [output.asset_id for output in known.outputs]
            addresses = {**await presenters.addresses_of(application, asset_ids)}
            if after >= 0:
                events = await application.generations.list_events(request.user_id, generation_id, after)
        headers = {} if known.status.is_final else {"retry-after": presenters.POLL_AFTER_S}
        return JsonResponse(presenters.progress_view(known, request, addresses, events), headers=headers)

    @get(
        "/api/generations/{id:str}/log",
        load_class=LoadClass.STATUS,
        summary="Get the event log of a generation",
        answer="Stored events and actions of people, oldest first.",
    )
    async def log(self, request: Request, generation_id: IdInPath) -> LogView:
        require_id("gen", generation_id)
        entries = await request.application.generations.view_timeline(request.user_id, generation_id)
        return LogView(generation_id, [_log_entry(entry) for entry in entries])


async def _waited(request: Request, generation: Generation, wait_s: int) -> Generation:
    with suppress(TimeoutError):
        async with asyncio.timeout(wait_s):
            await request.application.generations.wait_until_ended(generation)
    return await request.application.generations.view(generation.user_id, generation.id)


def preferred_wait_s(request: Request) -> int:
    """Return the seconds a caller prefers to wait for the end; 0 without a valid preference."""
    seconds = request.header(PREFER_WAIT).get("wait", "")
    is_whole = seconds.isascii() and seconds.isdigit() and len(seconds) <= _MAX_WAIT_DIGITS
    return min(int(seconds), _MAX_WAIT_S) if is_whole else 0


def _log_entry(entry: TimelineEntry) -> LogEntry:
    return to_struct(entry, LogEntry, error=presenters.error_view(entry.failure), facts=dict(entry.facts))
