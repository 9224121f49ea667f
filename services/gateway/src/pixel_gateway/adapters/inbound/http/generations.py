"""Doors of generations: submit, look, list, poll; and the catalogue of models."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from pixel_gateway.adapters.inbound.http import bodies
from pixel_gateway.adapters.inbound.http.doors import Answer, Call, Door, Parameter, require_key
from pixel_gateway.adapters.inbound.http.reply import Reply, json_reply
from pixel_gateway.adapters.inbound.http.submission_bodies import CreateGeneration, submission_of
from pixel_gateway.adapters.inbound.http.submitting import submitting
from pixel_gateway.adapters.inbound.http.views import addresses_of, generation_view, model_view, progress_view
from pixel_gateway.application.ports import HistoryQuery
from pixel_gateway.domain.generation import Generation, JobType, Status, parse_status

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pixel_gateway.application import Application
    from pixel_gateway.domain.image import Addresses

SUBMIT_ROUTE = "POST /api/generations"
MAX_SEQUENCE = 9_223_372_036_854_775_807
_POLL_AFTER_S = b"1"
_MAX_KEY_CHARS = 512
_MAX_WAIT_S = 60
_MAX_WAIT_DIGITS = 9
_STATUS_WORDS = [*map(str, Status), "pending", "complete", "canceled"]

EXAMPLE_REQUEST = {
    "prompt": "a lighthouse at dawn, ink and wash",
    "numberOfImages": 2,
    "aspectRatio": "16:9",
    "style": "ink",
    "seed": 7,
}


def doors(app: Application) -> list[Door]:
    """Return the doors of this group."""

    async def submit(call: Call) -> Reply:
        body = await call.json(CreateGeneration)
        call.query()
        submission = submission_of(body, call, route=SUBMIT_ROUTE, idempotency_key=call.idempotency_key())
        with submitting(submission.idempotency_key) as attempt:
            accepted = await app.ports.generations.submit(submission)
            generation = await app.completion.shown(attempt.accepted(accepted))
            applied = b""
            if (wait_s := wait_preferred(call)) and not generation.status.is_final:
                generation = await _waited(generation, wait_s)
                applied = f"wait={wait_s}".encode()
            view = generation_view(generation, call, await _addresses(generation))
        return accepted_reply(view, replayed=accepted.replayed, applied=applied)

    async def _waited(generation: Generation, wait_s: int) -> Generation:
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await app.has_ended(generation)
        return await app.view_generation(generation.user_id, generation.id)

    async def get(call: Call) -> Reply:
        call.query()
        generation = await app.view_generation(call.user_id, call.id_in_path("gen"))
        return json_reply(generation_view(generation, call, await _addresses(generation)))

    async def page(call: Call) -> Reply:
        query = call.query(
            "limit", "cursor", "status", "idempotencyKey", "model", "jobType", "from", "to", "failureCode"
        )
        key = query.text("idempotencyKey", max_length=_MAX_KEY_CHARS)
        word = query.word("status", _STATUS_WORDS, default="")
        job_type = query.word("jobType", [*JobType], default="")
        wanted = HistoryQuery(
            user_id=call.user_id,
            limit=query.whole("limit", default=20, least=1, most=100),
            cursor=query.cursor(),
            status=parse_status(word) if word else None,
            key=require_key("idempotencyKey", key) if key else "",
            model=query.text("model", max_length=64),
            job_type=JobType(job_type) if job_type else None,
            from_time=query.moment("from"),
            to_time=query.moment("to"),
            failure_code=query.text("failureCode", max_length=64),
        )
        generations, next_cursor = await app.list_generations(wanted)
        asset_ids = [output.asset_id for generation in generations for output in generation.outputs]
        addresses = await addresses_of(app.ports.media, asset_ids)
        items = [generation_view(generation, call, addresses) for generation in generations]
        return json_reply(bodies.GenerationPage(items=items, next_cursor=next_cursor or None))

    async def status(call: Call) -> Reply:
        query = call.query("after")
        after = query.whole("after", default=-1, least=0, most=MAX_SEQUENCE)
        generation_id = call.id_in_path("gen")
        shown = await app.view_progress(call.user_id, generation_id)
        addresses = await _addresses(shown) if isinstance(shown, Generation) else {}
        events = None
        if after >= 0 and isinstance(shown, Generation):  # otherwise only the cache answered, which keeps no events
            events = await app.list_events(call.user_id, generation_id, after)
        is_final = shown.status.is_final
        return json_reply(
            progress_view(shown, call, addresses, events), headers=[] if is_final else [(b"retry-after", _POLL_AFTER_S)]
        )

    async def models(call: Call) -> Reply:
        call.query()
        items = [model_view(model) for model in await app.ports.generations.models()]
        return json_reply(bodies.ModelPage(items=items, next_cursor=None))

    async def _addresses(generation: Generation) -> Mapping[str, Addresses]:
        return await addresses_of(app.ports.media, [output.asset_id for output in generation.outputs])

    return [
        Door(
            "POST",
            "/api/generations",
            submit,
            "Ask for pictures",
            {
                202: Answer(
                    "Accepted; `data.links` says where to follow it.", bodies.Accepted, headers=_ACCEPTED_HEADERS
                )
            },
            description="Holds the credits and answers at once. The same Idempotency-Key with the same body returns "
            "the generation it made before; with another body it is refused with IDEMPOTENCY_KEY_REUSED.",
            body=CreateGeneration,
            body_example=EXAMPLE_REQUEST,
            parameters=(IDEMPOTENCY_KEY, PREFER_WAIT, CANCEL_AFTER),
            problems=SUBMISSION_PROBLEMS | _CREATE_PROBLEMS,
        ),
        Door(
            "GET",
            "/api/generations",
            page,
            "List your generations",
            {200: Answer("Newest first.", bodies.GenerationPage)},
            parameters=(
                limit_parameter(20),
                Parameter("cursor", "`nextCursor` of the page before."),
                Parameter("status", "Only this status.", {"type": "string", "enum": _STATUS_WORDS}),
                Parameter("idempotencyKey", "Only what was submitted under this key, at any door."),
                Parameter("model", "Only this model."),
                Parameter("jobType", "Only this kind of work.", {"type": "string", "enum": [*JobType]}),
                FROM,
                TO,
                Parameter("failureCode", "Only failures of this code."),
            ),
        ),
        Door(
            "GET",
            "/api/generations/{id:str}",
            get,
            "Look at one generation",
            {200: Answer("The generation.", bodies.GenerationView)},
        ),
        Door(
            "GET",
            "/api/generation/{id:str}/status",
            status,
            "Poll a generation",
            {200: Answer("Where it stands; `events` only when `after` is given.", bodies.ProgressView)},
            parameters=(AFTER,),
        ),
        Door(
            "GET",
            "/api/models",
            models,
            "List the models",
            {200: Answer("The catalogue.", bodies.ModelPage)},
            tag="models",
        ),
    ]


IDEMPOTENCY_KEY = Parameter(
    "Idempotency-Key",
    "1 to 255 visible ASCII characters; makes repeating the request safe.",
    {"type": "string", "minLength": 1, "maxLength": 255},
    "header",
)
CANCEL_AFTER = Parameter(
    "Cancel-After",
    "`90s`, `15m` or `2h`: the generation is cancelled when it has not ended by then; from `1s` to `24h`. "
    "The same as `cancelAfter`, which is in seconds.",
    place="header",
)
FROM = Parameter("from", "From this moment on.", {"type": "string", "format": "date-time"})
TO = Parameter("to", "Before this moment.", {"type": "string", "format": "date-time"})
SUBMISSION_PROBLEMS = {
    402: "INSUFFICIENT_CREDITS, DAILY_LIMIT_REACHED or BUDGET_EXHAUSTED: the request would cost more than is left.",
    409: "MODEL_UNAVAILABLE: the provider of the model is not configured here.",
    429: "TOO_MANY_OPEN_JOBS: too many of your generations have not ended; `Retry-After` says when one is expected to.",
    503: "QUEUE_CLOSED, QUEUE_FULL, SUBMISSIONS_FULL or OVERLOADED: the service takes no more at this moment.",
}
_CREATE_PROBLEMS = {
    403: "PRIORITY_NOT_ALLOWED: your plan does not include this priority.",
    404: "MODEL_NOT_FOUND: there is no such model.",
    422: "INVALID_REQUEST, INVALID_GENERATION: `errors` names fields and accepted values; PRICE_UNKNOWN; "
    "JOB_TYPE_NOT_AVAILABLE; IDEMPOTENCY_KEY_REUSED.",
}
PREFER_WAIT = Parameter("Prefer", "`wait=N` holds the answer for up to N seconds, 60 at most.", place="header")
AFTER = Parameter(
    "after",
    "Sequence of the last event seen; the stored events after it are returned.",
    {"type": "integer", "minimum": 0},
)
_ACCEPTED_HEADERS = {
    "Location": "Address of the generation.",
    "Retry-After": "Seconds after which polling makes sense.",
    "Preference-Applied": "The preference of the Prefer header that was honoured.",
    "Idempotent-Replayed": "`true` when the key had been used for the same request before.",
}


def wait_preferred(call: Call) -> int:
    """Return the seconds a caller prefers to wait for the end; 0 when it did not say, or said nothing usable."""
    seconds = call.preferences().get("wait", "")
    is_whole = seconds.isascii() and seconds.isdigit() and len(seconds) <= _MAX_WAIT_DIGITS
    return min(int(seconds), _MAX_WAIT_S) if is_whole else 0


def accepted_reply(view: bodies.GenerationView, *, replayed: bool, applied: bytes = b"") -> Reply:
    """Return the answer to a submission: where to follow it, and which preference was applied."""
    headers = [(b"location", view.links.self.encode()), (b"retry-after", _POLL_AFTER_S)]
    if replayed:
        headers.append((b"idempotent-replayed", b"true"))
    if applied:
        headers.append((b"preference-applied", applied))
    return json_reply(bodies.Accepted(success=True, data=view), status=202, headers=headers)


def limit_parameter(default: int) -> Parameter:
    """Return the documented page size."""
    schema = {"type": "integer", "minimum": 1, "maximum": 100, "default": default}
    return Parameter("limit", "Entries on a page.", schema)
