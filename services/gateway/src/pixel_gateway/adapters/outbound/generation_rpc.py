"""The generation service over gRPC."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixel.generation.v1 import billing_service_pb2 as billing_pb
from pixel.generation.v1 import billing_service_pb2_grpc as billing_grpc
from pixel.generation.v1 import generation_pb2 as pb
from pixel.generation.v1 import generations_service_pb2 as service_pb
from pixel.generation.v1 import generations_service_pb2_grpc as service_grpc
from pixel_errors import Internal, Invalid
from pixel_rpc import Caller, caller, calling_as

from pixel_gateway.adapters.generation_codec import (
    STATUS_TO,
    generation_of,
    model_of,
    progress_of,
    refusal,
    submission_message,
)
from pixel_gateway.adapters.outbound.coalescing import Coalescer
from pixel_gateway.application.ports import Accepted, InvalidPageToken
from pixel_gateway.domain.account import Balance

if TYPE_CHECKING:
    from collections.abc import Sequence

    import grpc.aio

    from pixel_gateway.application.ports import Submission
    from pixel_gateway.domain.generation import Generation, Model, Progress, Status


class GrpcGenerations:
    """Generations; submissions that wait together go as one call."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = service_grpc.GenerationsServiceStub(channel)
        self._coalescer = Coalescer(self._submit_many)

    async def submit(self, submission: Submission) -> Accepted:
        """Accept the submission or raise why it is refused."""
        return await self._coalescer.submit(submission)

    async def get(self, user_id: str, generation_id: str) -> Generation:
        """Return one generation of the user; raise NotFound."""
        request = service_pb.GetGenerationRequest(id=generation_id, user_id=user_id)
        answer = await self._stub.GetGeneration(request)
        return generation_of(answer.generation)

    async def page(
        self, user_id: str, *, limit: int, cursor: str, status: Status | None, key: str = ""
    ) -> tuple[list[Generation], str]:
        """Return a page, newest first, and the cursor of the next one (empty on the last)."""
        request = service_pb.ListGenerationsRequest(
            user_id=user_id,
            page_size=limit,
            page_token=cursor,
            status=pb.GENERATION_STATUS_UNSPECIFIED if status is None else STATUS_TO[status],
            idempotency_key=key,
        )
        try:
            answer = await self._stub.ListGenerations(request)
        except Invalid as error:
            if any(each.field == "cursor" for each in error.violations):
                raise InvalidPageToken(error.detail, violations=error.violations) from error
            raise
        return [generation_of(message) for message in answer.generations], answer.next_page_token

    async def events(self, user_id: str, generation_id: str, after: int) -> list[Progress]:
        """Return stored events with a greater sequence, oldest first; raise NotFound."""
        request = service_pb.ListGenerationEventsRequest(id=generation_id, user_id=user_id, after_sequence=after)
        answer = await self._stub.ListGenerationEvents(request)
        return [progress_of(message) for message in answer.events]

    async def models(self) -> list[Model]:
        """Return the catalogue."""
        answer = await self._stub.ListModels(service_pb.ListModelsRequest())
        return [model_of(message) for message in answer.models]

    async def close(self) -> None:
        """Wait for submissions under way."""
        await self._coalescer.close()

    async def _submit_many(self, submissions: Sequence[Submission]) -> Sequence[Accepted | Exception]:
        request = service_pb.SubmitManyRequest(submissions=[submission_message(each) for each in submissions])
        # A call that carries the submissions of several users has none of them as its caller.
        with calling_as(caller() if len(submissions) == 1 else Caller()):
            answer = await self._stub.SubmitMany(request)
        if len(answer.results) != len(submissions):
            raise Internal("The generation service answered for another number of submissions.")
        return [_outcome(result) for result in answer.results]


class GrpcBilling:
    """Credits."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = billing_grpc.BillingServiceStub(channel)

    async def balance(self, user_id: str) -> Balance:
        """Return the user's balance."""
        answer = await self._stub.GetBalance(billing_pb.GetBalanceRequest(user_id=user_id))
        return Balance(available_credits=answer.available_credits, held_credits=answer.held_credits)

    async def grant(self, user_id: str, credit_count: int, *, grant_id: str, reason: str) -> None:
        """Give credits once per user and grant id."""
        request = billing_pb.GrantCreditsRequest(
            user_id=user_id, credits=credit_count, grant_id=grant_id, reason=reason
        )
        await self._stub.GrantCredits(request)


def _outcome(result: service_pb.SubmissionResult) -> Accepted | Exception:
    match result.WhichOneof("outcome"):
        case "generation":
            return Accepted(generation_of(result.generation), replayed=result.replayed)
        case "error":
            return refusal(result.error)
        case _:
            return Internal("The generation service answered neither a generation nor an error.")
