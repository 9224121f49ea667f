"""Endpoints that change accepted generations: cancel and retry, one or many."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from litestar import Controller
from pixel_errors import PixelError, Violation

from pixel_gateway.adapters.inbound.http.api.generations import presenters
from pixel_gateway.adapters.inbound.http.api.generations.cancellation import CANCEL, cancelled, present_readable
from pixel_gateway.adapters.inbound.http.api.generations.routes import SUBMISSION_PROBLEMS
from pixel_gateway.adapters.inbound.http.api.generations.schemas import (
    Accepted,
    BulkCancelItem,
    BulkCancelView,
    BulkError,
    BulkIds,
    BulkRetryItem,
    BulkRetryView,
    CancelView,
)
from pixel_gateway.adapters.inbound.http.routing.endpoint import JsonBody, post
from pixel_gateway.adapters.inbound.http.routing.errors import InvalidRequest, Pointer
from pixel_gateway.adapters.inbound.http.routing.parameters import IdInPath
from pixel_gateway.adapters.inbound.http.routing.problems import public_error, status_of
from pixel_gateway.adapters.inbound.http.routing.request import Request, require_id
from pixel_gateway.adapters.inbound.http.routing.responses import JsonResponse
from pixel_gateway.adapters.metrics import CANCELLATIONS, REFUSED_BULK_CALLS
from pixel_gateway.domain.billing import BulkLimitReached
from pixel_gateway.domain.rate_limit import LoadClass

if TYPE_CHECKING:
    from collections.abc import Iterator

_BULK_PROBLEMS = {
    404: "GENERATION_NOT_FOUND: one is not yours, and nothing was changed; `facts.ids` names up to ten of them.",
    429: "BULK_LIMIT: 100 bulk calls per UTC day; `Retry-After` is the start of the next day.",
}
_EXAMPLE_IDS = {"ids": ["gen_0192f0c1a2b37c4d8e9f00112233aabb"]}


class GenerationChanges(Controller):
    """Changes to accepted generations of the caller."""

    tags = ("generations",)

    @post("/api/generations/{id:str}/cancel", **CANCEL)
    async def cancel(self, request: Request, generation_id: IdInPath) -> CancelView:
        return await cancelled(request, generation_id)

    @post(
        "/api/generations/{id:str}/retry",
        load_class=LoadClass.CREATE,
        status=202,
        summary="Retry a generation",
        answer="Queued as a new round, or already queued or running.",
        description="For a generation that failed, or was cancelled without pictures. The credits are held again.",
        problems={**SUBMISSION_PROBLEMS, 409: "RETRY_NOT_POSSIBLE: it has pictures."},
    )
    async def retry(self, request: Request, generation_id: IdInPath) -> JsonResponse[Accepted]:
        require_id("gen", generation_id)
        (result,) = await request.application.generations.retry(request.user_id, [generation_id])
        if isinstance(result, PixelError):
            raise result
        (view,) = await present_readable(request, [result.generation])
        return presenters.accepted_response(view, replayed=result.replayed)

    @post(
        "/api/generations/cancel",
        load_class=LoadClass.CRITICAL,
        summary="Cancel many generations",
        answer="One result for each id, in the same order.",
        example=_EXAMPLE_IDS,
        problems=_BULK_PROBLEMS,
    )
    async def cancel_many(self, request: Request, data: JsonBody[BulkIds]) -> BulkCancelView:
        ids = _different(data.ids)
        with _counted_refusals():
            results = await request.application.generations.cancel_many(request.user_id, ids)
        for result in results:
            CANCELLATIONS.labels("refused" if isinstance(result, PixelError) else result.outcome).inc()
        views = iter(
            await present_readable(request, [each.generation for each in results if not isinstance(each, PixelError)])
        )
        return BulkCancelView(
            [
                BulkCancelItem(each_id, None, None, _error(result))
                if isinstance(result, PixelError)
                else BulkCancelItem(each_id, result.outcome, next(views), None)
                for each_id, result in zip(ids, results, strict=True)
            ]
        )

    @post(
        "/api/generations/retry",
        load_class=LoadClass.CREATE,
        status=202,
        summary="Retry many generations",
        answer="One result for each id, in the same order.",
        example=_EXAMPLE_IDS,
        problems=_BULK_PROBLEMS,
    )
    async def retry_many(self, request: Request, data: JsonBody[BulkIds]) -> BulkRetryView:
        ids = _different(data.ids)
        with _counted_refusals():
            results = await request.application.generations.retry_many(request.user_id, ids)
        views = iter(
            await present_readable(request, [each.generation for each in results if not isinstance(each, PixelError)])
        )
        return BulkRetryView(
            [
                BulkRetryItem(each_id, None, None, _error(result))
                if isinstance(result, PixelError)
                else BulkRetryItem(each_id, result.replayed, next(views), None)
                for each_id, result in zip(ids, results, strict=True)
            ]
        )


def _different(ids: list[str]) -> list[str]:
    seen: set[str] = set()
    for index, each in enumerate(ids):
        if each in seen:
            raise InvalidRequest(
                "An id is given twice.", violations=(Violation(Pointer.to("ids", index), "is given twice"),)
            )
        seen.add(each)
    return ids


@contextmanager
def _counted_refusals() -> Iterator[None]:
    try:
        yield
    except BulkLimitReached:
        REFUSED_BULK_CALLS.inc()
        raise


def _error(error: PixelError) -> BulkError:
    known = public_error(error)
    return BulkError(code=known.code, detail=known.detail, status=status_of(known))
