"""The generation service over gRPC."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixel.generation.v1 import generation_pb2 as pb
from pixel.generation.v1 import generations_service_pb2 as service_pb
from pixel.generation.v1 import generations_service_pb2_grpc as service_grpc
from pixel_errors import Internal, Unavailable
from pixel_rpc import Caller, caller, calling_as
from pixel_runtime.batching import Batching

from pixel_gateway.adapters.generation_codec import (
    STATUS_TO,
    accepted_of,
    generation_of,
    model_of,
    progress_of,
    stamp_of,
    submission_message,
)
from pixel_gateway.adapters.outbound.page_tokens import page_tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    import grpc.aio

    from pixel_gateway.application.generations.ports import Accepted, HistoryQuery, Submission
    from pixel_gateway.domain.generation import Generation, Model, Progress


MAX_BATCH = 256
"""One call costs about the same for 1 and for 256 submissions."""
MAX_CALLS = 2
MAX_WAITING = 4096


class SubmissionsWaiting(Unavailable):
    """Too many submissions are queued; retry in a moment."""

    reason = "OVERLOADED"


class GrpcGenerations:
    """Generations; queued submissions share a call."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = service_grpc.GenerationsServiceStub(channel)
        self._submissions: Batching[Submission, Accepted] = Batching(
            "submissions",
            self._submit_many,
            most=MAX_BATCH,
            at_once=MAX_CALLS,
            max_waiting=MAX_WAITING,
            full=SubmissionsWaiting,
        )

    async def submit(self, submission: Submission) -> Accepted:
        """Accept the submission or raise its rejection."""
        return await self._submissions.submit(submission)

    async def get(self, user_id: str, generation_id: str) -> Generation:
        """Return one generation of the user; raise NotFound."""
        request = service_pb.GetGenerationRequest(id=generation_id, user_id=user_id)
        answer = await self._stub.GetGeneration(request)
        return generation_of(answer.generation)

    async def page(self, query: HistoryQuery) -> tuple[list[Generation], str]:
        """Return a page, newest first, and the cursor of the next one (empty on the last)."""
        request = service_pb.ListGenerationsRequest(
            user_id=query.user_id,
            page_size=query.limit,
            page_token=query.cursor,
            status=pb.GENERATION_STATUS_UNSPECIFIED if query.status is None else STATUS_TO[query.status],
            idempotency_key=query.key,
            model=query.model,
            kind=query.job_type or "",
            created_after=stamp_of(query.from_time),
            created_before=stamp_of(query.to_time),
            failure_code=query.failure_code,
        )
        with page_tokens():
            answer = await self._stub.ListGenerations(request)
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
        """Wait for submissions in progress."""
        await self._submissions.close()

    async def _submit_many(self, submissions: Sequence[Submission]) -> Sequence[Accepted | Exception]:
        request = service_pb.SubmitManyRequest(submissions=[submission_message(each) for each in submissions])
        # A call with submissions of several users has no user as its caller.
        with calling_as(caller() if len(submissions) == 1 else Caller()):
            answer = await self._stub.SubmitMany(request)
        if len(answer.results) != len(submissions):
            raise Internal("The generation service returned another number of submissions.")
        return [accepted_of(result) for result in answer.results]
