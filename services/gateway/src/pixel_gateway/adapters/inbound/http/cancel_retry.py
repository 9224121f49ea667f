"""Doors that change accepted generations: cancel and retry, one or many."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from pixel_errors import FailedPrecondition, PixelError, Violation

from pixel_gateway.adapters.inbound.http import work_bodies as bodies
from pixel_gateway.adapters.inbound.http.bodies import Accepted
from pixel_gateway.adapters.inbound.http.doors import Answer, Call, Door
from pixel_gateway.adapters.inbound.http.errors import InvalidRequest, Pointer, expected, status_of
from pixel_gateway.adapters.inbound.http.generations import SUBMISSION_PROBLEMS, accepted_reply
from pixel_gateway.adapters.inbound.http.reply import Reply, json_reply
from pixel_gateway.adapters.inbound.http.views import addresses_of, generation_view
from pixel_gateway.adapters.metrics import CANCELLATIONS, REFUSED_BULK_CALLS
from pixel_gateway.application.engine_ports import CancelOutcome
from pixel_gateway.domain.billing import BulkLimitReached

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pixel_gateway.adapters.inbound.http.bodies import GenerationView
    from pixel_gateway.application import Application
    from pixel_gateway.domain.generation import Generation
    from pixel_gateway.domain.image import Addresses

_EXAMPLE_IDS = {"ids": ["gen_0192f0c1a2b37c4d8e9f00112233aabb"]}


class CancelTooLate(FailedPrecondition):
    """The generation has completed or failed; there is nothing to cancel."""

    reason = "CANCEL_TOO_LATE"


def doors(app: Application) -> list[Door]:
    """Return the doors of this group."""
    job_commands = app.engine.ports.job_commands

    async def cancel(call: Call) -> Reply:
        call.query()
        (result,) = await job_commands.cancel(call.user_id, [call.id_in_path("gen")])
        if isinstance(result, PixelError):
            raise result
        CANCELLATIONS.labels(result.outcome).inc()
        if result.outcome is CancelOutcome.TOO_LATE:
            raise CancelTooLate(
                f"The generation has {result.generation.status} already.",
                metadata={"outcome": result.outcome, "status": result.generation.status},
            )
        (view,) = await _views([result.generation], call)
        return json_reply(bodies.CancelView(outcome=result.outcome, generation=view))

    async def retry(call: Call) -> Reply:
        call.query()
        (result,) = await job_commands.retry(call.user_id, [call.id_in_path("gen")])
        if isinstance(result, PixelError):
            raise result
        (view,) = await _views([result.generation], call)
        return accepted_reply(view, replayed=result.replayed)

    async def cancel_many(call: Call) -> Reply:
        ids = await _ids_of(call)
        with _counted():
            results = await app.engine.cancel_many(call.user_id, ids)
        for result in results:
            CANCELLATIONS.labels("refused" if isinstance(result, PixelError) else result.outcome).inc()
        views = iter(await _views([each.generation for each in results if not isinstance(each, PixelError)], call))
        items = [
            bodies.BulkCancelItem(each_id, None, None, _error(result))
            if isinstance(result, PixelError)
            else bodies.BulkCancelItem(each_id, result.outcome, next(views), None)
            for each_id, result in zip(ids, results, strict=True)
        ]
        return json_reply(bodies.BulkCancelView(items))

    async def retry_many(call: Call) -> Reply:
        ids = await _ids_of(call)
        with _counted():
            results = await app.engine.retry_many(call.user_id, ids)
        views = iter(await _views([each.generation for each in results if not isinstance(each, PixelError)], call))
        items = [
            bodies.BulkRetryItem(each_id, None, None, _error(result))
            if isinstance(result, PixelError)
            else bodies.BulkRetryItem(each_id, result.replayed, next(views), None)
            for each_id, result in zip(ids, results, strict=True)
        ]
        return json_reply(bodies.BulkRetryView(items), status=202)

    async def _views(generations: Sequence[Generation], call: Call) -> list[GenerationView]:
        known = await app.completion.all_shown([*generations])
        asset_ids = [output.asset_id for generation in known for output in generation.outputs]
        addresses: Mapping[str, Addresses] = await addresses_of(app.ports.media, asset_ids)
        return [generation_view(generation, call, addresses) for generation in known]

    return [
        *(
            Door(
                method,
                path,
                cancel,
                "Cancel a generation",
                {200: Answer("What became of it and of the money.", bodies.CancelView)},
                description="`free`: nothing was charged. `partial`: the pictures that were ready are kept and "
                "charged, the rest is given back. `pending`: the run was told to stop and has not answered; it ends "
                "as one of the others. Asked again it answers the same.",
                problems={409: "CANCEL_TOO_LATE: it has completed or failed; `facts.outcome` is `too_late`."},
            )
            for method, path in (("POST", "/api/generations/{id:str}/cancel"), ("DELETE", "/api/generations/{id:str}"))
        ),
        Door(
            "POST",
            "/api/generations/{id:str}/retry",
            retry,
            "Run a generation again",
            {202: Answer("Queued as a new round, or waiting or running already.", Accepted)},
            description="For one that failed, or was cancelled without pictures. The credits are held anew.",
            problems={**SUBMISSION_PROBLEMS, 409: "RETRY_NOT_POSSIBLE: it has pictures."},
        ),
        Door(
            "POST",
            "/api/generations/cancel",
            cancel_many,
            "Cancel many generations",
            {200: Answer("Each on its own, in the order of the ids.", bodies.BulkCancelView)},
            body=bodies.BulkIds,
            body_example=_EXAMPLE_IDS,
            problems=_BULK_PROBLEMS,
        ),
        Door(
            "POST",
            "/api/generations/retry",
            retry_many,
            "Run many generations again",
            {202: Answer("Each on its own, in the order of the ids.", bodies.BulkRetryView)},
            body=bodies.BulkIds,
            body_example=_EXAMPLE_IDS,
            problems=_BULK_PROBLEMS,
        ),
    ]


_BULK_PROBLEMS = {
    404: "GENERATION_NOT_FOUND: one is not yours, so nothing was done; `facts.ids` names up to ten of them.",
    429: "BULK_LIMIT: 100 bulk calls a UTC day; `Retry-After` says when the next day begins.",
}


async def _ids_of(call: Call) -> list[str]:
    call.query()
    ids = (await call.json(bodies.BulkIds)).ids
    seen: set[str] = set()
    for index, each in enumerate(ids):
        if each in seen:
            raise InvalidRequest(
                "An id stands twice.", violations=(Violation(Pointer.to("ids", index), "stands twice"),)
            )
        seen.add(each)
    return ids


@contextmanager
def _counted() -> Iterator[None]:
    try:
        yield
    except BulkLimitReached:
        REFUSED_BULK_CALLS.inc()
        raise


def _error(error: PixelError) -> bodies.BulkError:
    known = expected(error)
    return bodies.BulkError(code=known.code, detail=known.detail, status=status_of(known))
