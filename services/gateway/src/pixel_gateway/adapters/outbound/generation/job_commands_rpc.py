"""Changes to accepted generations, receipts and quotes over gRPC."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixel.generation.v1 import generations_service_pb2 as pb
from pixel.generation.v1 import generations_service_pb2_grpc as stubs
from pixel_errors import Internal, PixelError

from pixel_gateway.adapters.generation_codec import (
    STATUS_OF,
    accepted_of,
    adjustments_of,
    eta_of,
    generation_of,
    rejection,
    route_of,
    spec_of,
    submission_message,
)
from pixel_gateway.adapters.message_reader import content_of, facts_from
from pixel_gateway.application.generations.ports import Cancelled, CancelOutcome
from pixel_gateway.domain.billing import Quote, Receipt

if TYPE_CHECKING:
    from collections.abc import Sequence

    import grpc.aio

    from pixel_gateway.application.generations.ports import Accepted, Submission

_OUTCOME_OF = {getattr(pb, f"CANCEL_OUTCOME_{outcome.name}"): outcome for outcome in CancelOutcome}


class GrpcJobCommands:
    """Changes to generations that were accepted."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = stubs.GenerationsServiceStub(channel)

    async def cancel(self, user_id: str, ids: Sequence[str]) -> list[Cancelled | PixelError]:
        """Cancel each, in the order of the ids; raise NotFound when one is not the user's."""
        answer = await self._stub.CancelGenerations(pb.CancelGenerationsRequest(user_id=user_id, ids=ids))
        _check_number(len(answer.results), len(ids))
        return [_cancelled_of(result) for result in answer.results]

    async def retry(self, user_id: str, ids: Sequence[str]) -> list[Accepted | PixelError]:
        """Retry each ended one, in the order of the ids; raise NotFound when one is not the user's."""
        answer = await self._stub.RetryGenerations(pb.RetryGenerationsRequest(user_id=user_id, ids=ids))
        _check_number(len(answer.results), len(ids))
        return [accepted_of(result) for result in answer.results]

    async def receipt(self, user_id: str, generation_id: str) -> Receipt:
        """Return the receipt of a generation; raise NotFound."""
        answer = await self._stub.GetReceipt(pb.GetReceiptRequest(id=generation_id, user_id=user_id))
        receipt = content_of(answer.receipt)
        images = {
            "status": str(STATUS_OF.get(answer.receipt.status, "")),
            "credits_per_image": receipt["credits_per_unit"],
            "requested_images": receipt["requested_units"],
            "delivered_images": receipt["delivered_units"],
        }
        return facts_from(receipt | images, Receipt)

    async def quote(self, submission: Submission) -> Quote:
        """Quote a submission without making it; raise its rejection."""
        request = pb.QuoteGenerationRequest(submission=submission_message(submission))
        answer = await self._stub.QuoteGeneration(request)
        return Quote(
            cost_credits=answer.cost_credits,
            price_id=answer.price_id,
            credits_per_image=answer.credits_per_unit,
            spec=spec_of(answer.image),
            adjustments=adjustments_of(answer.adjustments),
            route=route_of(answer.route),
            eta_s=eta_of(answer.eta) if answer.HasField("eta") else None,
            run_seconds=answer.run_seconds,
            available_credits=answer.available_credits,
            would_be_refused=answer.would_be_refused,
        )


def _cancelled_of(result: pb.CancelResult) -> Cancelled | PixelError:
    if result.HasField("error"):
        return rejection(result.error)
    outcome = _OUTCOME_OF.get(result.cancel_outcome)
    if outcome is None or not result.HasField("generation"):
        return Internal("The generation service answered neither an outcome nor an error.")
    return Cancelled(outcome, generation_of(result.generation))


def _check_number(answered: int, asked: int) -> None:
    if answered != asked:
        raise Internal("The generation service returned another number of generations.")
