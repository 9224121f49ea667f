"""Generations over gRPC."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pixel.generation.v1 import generation_pb2, generations_service_pb2_grpc
from pixel.generation.v1 import generations_service_pb2 as pb
from pixel_errors import Exhausted, PixelError
from pixel_limits.generation import LIST_GENERATIONS_REQUEST_PAGE_SIZE_LTE as MAX_PAGE

from pixel_generation.adapters.codec import STATUS_OF, model_to_proto, stored_event_to_proto, view_to_proto
from pixel_generation.adapters.inbound.grpc.generations.quote_codec import quote_to_proto
from pixel_generation.adapters.inbound.grpc.generations.read_submission import read_submission
from pixel_generation.adapters.inbound.grpc.generations.receipt_codec import receipt_to_proto
from pixel_generation.adapters.inbound.grpc.read_request import (
    invalid,
    read_generation_id,
    read_size,
    read_time,
    read_token,
    read_user_id,
    write_token,
)
from pixel_generation.adapters.output_codec import timestamp
from pixel_generation.application.reading.ports import GenerationFilter
from pixel_generation.application.reading.read_generations import ListEvents, ListGenerations, ListUserEvents
from pixel_generation.application.submission.submit import Accepted, SubmitGeneration
from pixel_generation.domain.jobs.cancellation import CancelOutcome
from pixel_generation.domain.jobs.job import Status

if TYPE_CHECKING:
    from uuid import UUID

    from pixel_generation.adapters.work.messages import WorkMessages
    from pixel_generation.application import Application
    from pixel_generation.application.reading.read_generations import GenerationView
    from pixel_generation.application.submission.cancel import Cancellation

MAX_SUBMISSIONS = 1_000
MAX_EVENTS = 1_000
OUTCOMES = {outcome: pb.CancelOutcome.Value(f"CANCEL_OUTCOME_{outcome.name}") for outcome in CancelOutcome}
DEFAULT_EVENTS = 500
DEFAULT_PAGE = 20


class GenerationsServicer(generations_service_pb2_grpc.GenerationsServiceServicer):
    def __init__(self, app: Application, messages: WorkMessages) -> None:
        self._generations = app.generations
        self._messages = messages

    async def SubmitMany(  # noqa: N802 - named by the proto
        self, request: pb.SubmitManyRequest, context: object
    ) -> pb.SubmitManyResponse:
        del context
        if len(request.submissions) > MAX_SUBMISSIONS:
            raise Exhausted(f"A call carries at most {MAX_SUBMISSIONS} submissions.")
        outcomes: list[SubmitGeneration | PixelError] = [
            _read_submission(item, self._messages) for item in request.submissions
        ]
        commands = [item for item in outcomes if isinstance(item, SubmitGeneration)]
        decided = iter(await self._generations.submit(commands))
        results = [item if isinstance(item, PixelError) else next(decided) for item in outcomes]
        answers = (self._answer(item, result) for item, result in zip(outcomes, results, strict=True))
        return pb.SubmitManyResponse(results=await asyncio.gather(*answers))

    async def _answer(
        self, command: SubmitGeneration | PixelError, outcome: Accepted | PixelError
    ) -> pb.SubmissionResult:
        if isinstance(command, PixelError):
            return pb.SubmissionResult(error=_write_rejection(command))
        return await self._describe(command.user_id, outcome)

    async def _describe(self, user_id: UUID, outcome: Accepted | PixelError) -> pb.SubmissionResult:
        """Convert one outcome; an error in it does not affect the other items of the call."""
        if isinstance(outcome, PixelError):
            return pb.SubmissionResult(error=_write_rejection(outcome))
        if outcome.job is not None:
            return pb.SubmissionResult(generation=self._view(await self._generations.describe_accepted(outcome.job)))
        try:
            view = await self._generations.find(outcome.job_id, user_id)
        except PixelError as error:
            return pb.SubmissionResult(error=_write_rejection(error))
        return pb.SubmissionResult(generation=self._view(view), replayed=True)

    def _view(self, view: GenerationView) -> generation_pb2.Generation:
        return view_to_proto(view, self._messages)

    async def GetGeneration(  # noqa: N802 - named by the proto
        self, request: pb.GetGenerationRequest, context: object
    ) -> pb.GetGenerationResponse:
        del context
        view = await self._generations.find(read_generation_id(request.id), read_user_id(request.user_id))
        return pb.GetGenerationResponse(generation=view_to_proto(view, self._messages, with_route=True))

    async def ListGenerations(  # noqa: N802 - named by the proto
        self, request: pb.ListGenerationsRequest, context: object
    ) -> pb.ListGenerationsResponse:
        del context
        which = GenerationFilter(
            read_user_id(request.user_id),
            status=_read_status(request.status),
            idempotency_key=request.idempotency_key,
            model=request.model,
            kind=request.kind or None,
            created_after=read_time(request, "created_after"),
            created_before=read_time(request, "created_before"),
            failure_code=request.failure_code,
        )
        size = read_size(request.page_size, default=DEFAULT_PAGE, most=MAX_PAGE)
        query = ListGenerations(which, before=read_token(request.page_token), limit=size)
        page = await self._generations.list_generations(query)
        return pb.ListGenerationsResponse(
            generations=map(self._view, page.items), next_page_token=write_token(page.next)
        )

    async def ListGenerationEvents(  # noqa: N802 - named by the proto
        self, request: pb.ListGenerationEventsRequest, context: object
    ) -> pb.ListGenerationEventsResponse:
        del context
        job_id, user_id = read_generation_id(request.id), read_user_id(request.user_id)
        query = ListEvents(job_id, user_id, after=max(0, request.after_sequence), limit=MAX_EVENTS)
        events = await self._generations.list_events(query)
        return pb.ListGenerationEventsResponse(
            events=[stored_event_to_proto(event, job_id, user_id) for event in events],
            read_time=timestamp(datetime.now(UTC)),
        )

    async def ListUserEvents(  # noqa: N802 - named by the proto
        self, request: pb.ListUserEventsRequest, context: object
    ) -> pb.ListUserEventsResponse:
        del context
        user_id = read_user_id(request.user_id)
        size = read_size(request.page_size, default=DEFAULT_EVENTS, most=MAX_EVENTS)
        query = ListUserEvents(user_id, after=request.after_position, limit=size)
        page = await self._generations.list_user_events(query)
        return pb.ListUserEventsResponse(
            events=[
                pb.PositionedEvent(event=stored_event_to_proto(event, position.job_id, user_id), position=str(position))
                for position, event in page.events
            ],
            position=str(page.position),
            resync=page.resync,
        )

    async def CancelGenerations(  # noqa: N802 - named by the proto
        self, request: pb.CancelGenerationsRequest, context: object
    ) -> pb.CancelGenerationsResponse:
        del context
        ids = [read_generation_id(text) for text in request.ids]
        results = await self._generations.cancel(read_user_id(request.user_id), ids)
        answers = (self._cancel_result(text, result) for text, result in zip(request.ids, results, strict=True))
        return pb.CancelGenerationsResponse(results=await asyncio.gather(*answers))

    async def _cancel_result(self, text: str, result: Cancellation | PixelError) -> pb.CancelResult:
        if isinstance(result, PixelError):
            return pb.CancelResult(id=text, error=_write_rejection(result))
        view = await self._generations.describe(result.job)
        return pb.CancelResult(id=text, cancel_outcome=OUTCOMES[result.outcome], generation=self._view(view))

    async def RetryGenerations(  # noqa: N802 - named by the proto
        self, request: pb.RetryGenerationsRequest, context: object
    ) -> pb.RetryGenerationsResponse:
        del context
        user_id = read_user_id(request.user_id)
        results = await self._generations.retry(user_id, [read_generation_id(text) for text in request.ids])
        answers = (self._describe(user_id, result) for result in results)
        return pb.RetryGenerationsResponse(results=await asyncio.gather(*answers))

    async def GetReceipt(  # noqa: N802 - named by the proto
        self, request: pb.GetReceiptRequest, context: object
    ) -> pb.GetReceiptResponse:
        del context
        receipt = await self._generations.get_receipt(read_generation_id(request.id), read_user_id(request.user_id))
        return pb.GetReceiptResponse(receipt=receipt_to_proto(receipt))

    async def QuoteGeneration(  # noqa: N802 - named by the proto
        self, request: pb.QuoteGenerationRequest, context: object
    ) -> pb.QuoteGenerationResponse:
        del context
        command = read_submission(request.submission, self._messages)
        return quote_to_proto(await self._generations.quote(command), self._messages)

    async def ListModels(  # noqa: N802 - named by the proto
        self, request: pb.ListModelsRequest, context: object
    ) -> pb.ListModelsResponse:
        del request, context
        catalogue = await self._generations.get_catalogue()
        return pb.ListModelsResponse(models=[model_to_proto(model, catalogue) for model in catalogue.models])


def _read_submission(item: pb.Submission, messages: WorkMessages) -> SubmitGeneration | PixelError:
    try:
        return read_submission(item, messages)
    except PixelError as rejection:
        return rejection


def _write_rejection(rejection: PixelError) -> pb.SubmissionError:
    return pb.SubmissionError(
        kind=rejection.kind,
        reason=rejection.code,
        detail=rejection.detail,
        metadata=rejection.metadata,
        field=rejection.violations[0].field if rejection.violations else "",
        retry_after_seconds=rejection.retry_after_s or 0.0,
    )


def _read_status(value: generation_pb2.GenerationStatus.ValueType) -> Status | None:
    if value == generation_pb2.GENERATION_STATUS_UNSPECIFIED:
        return None
    status = STATUS_OF.get(value)
    if status is None:
        raise invalid("status", f"The status is one of {', '.join(Status)}.")
    return status
