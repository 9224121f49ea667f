"""Cancels one generation, for two endpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pixel_errors import FailedPrecondition, PixelError

from pixel_gateway.adapters.inbound.http.api.generations import presenters
from pixel_gateway.adapters.inbound.http.api.generations.schemas import CancelView
from pixel_gateway.adapters.inbound.http.routing.request import require_id
from pixel_gateway.adapters.metrics import CANCELLATIONS
from pixel_gateway.application.generations.ports import CancelOutcome
from pixel_gateway.domain.rate_limit import LoadClass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pixel_gateway.adapters.inbound.http.api.generations.schemas import GenerationView
    from pixel_gateway.adapters.inbound.http.routing.request import Request
    from pixel_gateway.domain.generation import Generation

CANCEL: dict[str, Any] = {
    "load_class": LoadClass.CRITICAL,
    "summary": "Cancel a generation",
    "answer": "The outcome and its charge.",
    "description": "`free`: nothing was charged. `partial`: the delivered pictures are kept and "
    "charged, the rest is released. `pending`: the run was asked to stop and has not ended yet; it ends "
    "as one of the others. Repeating the call gives the same outcome.",
    "problems": {409: "CANCEL_TOO_LATE: it has completed or failed; `facts.outcome` is `too_late`."},
}


class CancelTooLate(FailedPrecondition):
    """The generation has completed or failed; there is nothing to cancel."""

    reason = "CANCEL_TOO_LATE"


async def cancelled(request: Request, generation_id: str) -> CancelView:
    """Cancel a generation; return the outcome; raise CancelTooLate."""
    require_id("gen", generation_id)
    (result,) = await request.application.generations.cancel(request.user_id, [generation_id])
    if isinstance(result, PixelError):
        raise result
    CANCELLATIONS.labels(result.outcome).inc()
    if result.outcome is CancelOutcome.TOO_LATE:
        raise CancelTooLate(
            f"The generation has {result.generation.status} already.",
            metadata={"outcome": result.outcome, "status": result.generation.status},
        )
    (view,) = await present_readable(request, [result.generation])
    return CancelView(outcome=result.outcome, generation=view)


async def present_readable(request: Request, generations: Sequence[Generation]) -> list[GenerationView]:
    """Return generations with their visible state."""
    return await presenters.present(request, await request.application.generations.all_as_readable([*generations]))
