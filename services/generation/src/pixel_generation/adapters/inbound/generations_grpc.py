"""Generations over gRPC."""

from __future__ import annotations

import asyncio
import base64
import binascii
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

from google.protobuf.json_format import ParseError
from pixel.generation.v1 import generation_pb2, generations_service_pb2_grpc
from pixel.generation.v1 import generations_service_pb2 as pb
from pixel_errors import Exhausted, Invalid, PixelError, Violation
from pixel_runtime.ids import parse_id
from pixel_telemetry import inject

from pixel_generation.adapters.protos import (
    STATUS_OF,
    event_to_proto,
    model_to_proto,
    spec_from_proto,
    timestamp,
    view_to_proto,
)
from pixel_generation.application.submit_generations import Accepted, SubmitGeneration
from pixel_generation.domain.errors import GenerationNotFound
from pixel_generation.domain.job import Status

if TYPE_CHECKING:
    from pixel_generation.application import Application

MAX_SUBMISSIONS = 1_000
MAX_EVENTS = 1_000
DEFAULT_PAGE = 20
MAX_PAGE = 100


class GenerationsServicer(generations_service_pb2_grpc.GenerationsServiceServicer):
    def __init__(self, app: Application) -> None:
        self._app = app

    async def SubmitMany(  # noqa: N802 - named by the proto
        self, request: pb.SubmitManyRequest, context: object
    ) -> pb.SubmitManyResponse:
        del context
        if len(request.submissions) > MAX_SUBMISSIONS:
            raise Exhausted(f"A call carries at most {MAX_SUBMISSIONS} submissions.")
        outcomes: list[SubmitGeneration | PixelError] = [_read_submission(item) for item in request.submissions]
        commands = [item for item in outcomes if isinstance(item, SubmitGeneration)]
        decided = iter(await self._app.submit_generations(commands))
        results = [item if isinstance(item, PixelError) else next(decided) for item in outcomes]
        answers = (self._answer(item, result) for item, result in zip(outcomes, results, strict=True))
        return pb.SubmitManyResponse(results=await asyncio.gather(*answers))

    async def _answer(
        self, command: SubmitGeneration | PixelError, outcome: Accepted | PixelError
    ) -> pb.SubmissionResult:
        """Describe one outcome; trouble with it is its own and leaves the others of the call answered."""
        if isinstance(command, PixelError):
            return pb.SubmissionResult(error=_write_refusal(command))
        if isinstance(outcome, PixelError):
            return pb.SubmissionResult(error=_write_refusal(outcome))
        generations = self._app.generations
        if outcome.job is not None:
            return pb.SubmissionResult(generation=view_to_proto(await generations.accepted(outcome.job)))
        try:
            view = await generations.get_one(outcome.job_id, command.user_id)
        except PixelError as error:
            return pb.SubmissionResult(error=_write_refusal(error))
        return pb.SubmissionResult(generation=view_to_proto(view), replayed=True)

    async def GetGeneration(  # noqa: N802 - named by the proto
        self, request: pb.GetGenerationRequest, context: object
    ) -> pb.GetGenerationResponse:
        del context
        view = await self._app.generations.get_one(_generation_id(request.id), _user_id(request.user_id))
        return pb.GetGenerationResponse(generation=view_to_proto(view))

    async def ListGenerations(  # noqa: N802 - named by the proto
        self, request: pb.ListGenerationsRequest, context: object
    ) -> pb.ListGenerationsResponse:
        del context
        size = request.page_size or DEFAULT_PAGE
        if not 1 <= size <= MAX_PAGE:
            raise _invalid("limit", f"A page has 1 to {MAX_PAGE} generations.")
        views = await self._app.generations.page(
            _user_id(request.user_id),
            before=_read_token(request.page_token) if request.page_token else None,
            status=_read_status(request.status),
            limit=size + 1,
            key=request.idempotency_key,
        )
        more = len(views) > size
        return pb.ListGenerationsResponse(
            generations=map(view_to_proto, views[:size]),
            next_page_token=_write_token(views[size - 1].job.id) if more else "",
        )

    async def ListGenerationEvents(  # noqa: N802 - named by the proto
        self, request: pb.ListGenerationEventsRequest, context: object
    ) -> pb.ListGenerationEventsResponse:
        del context
        job_id, user_id = _generation_id(request.id), _user_id(request.user_id)
        events = await self._app.generations.events(
            job_id, user_id, after=max(0, request.after_sequence), limit=MAX_EVENTS
        )
        return pb.ListGenerationEventsResponse(
            events=[
                event_to_proto(
                    job_id=job_id,
                    user_id=user_id,
                    set_id=event.set_id,
                    sequence=event.sequence,
                    status=event.status,
                    stage=event.stage,
                    progress=event.progress,
                    message=event.message,
                    failure=event.failure,
                    at=event.created_at,
                )
                for event in events
            ],
            read_time=timestamp(datetime.now(UTC)),
        )

    async def ListModels(  # noqa: N802 - named by the proto
        self, request: pb.ListModelsRequest, context: object
    ) -> pb.ListModelsResponse:
        del request, context
        catalogue = await self._app.catalogue.current()
        return pb.ListModelsResponse(models=[model_to_proto(model, catalogue) for model in catalogue.models])


def _read_submission(item: pb.Submission) -> SubmitGeneration | PixelError:
    try:
        spec = spec_from_proto(item.spec)
        return SubmitGeneration(_user_id(item.user_id), spec, item.idempotency_key, item.route, inject())
    except ParseError as error:
        return _invalid("parameters", f"The parameters cannot be read: {error}")
    except PixelError as refusal:
        return refusal


def _write_refusal(refusal: PixelError) -> pb.SubmissionError:
    return pb.SubmissionError(
        kind=refusal.kind,
        reason=refusal.code,
        detail=refusal.detail,
        metadata=refusal.metadata,
        field=refusal.violations[0].field if refusal.violations else "",
        retry_after_seconds=refusal.retry_after_s or 0.0,
    )


def _generation_id(text: str) -> UUID:
    try:
        return parse_id("gen", text)
    except ValueError as error:
        # A malformed id names nothing; the caller need not tell the two cases apart.
        raise GenerationNotFound from error


def _user_id(text: str) -> UUID:
    try:
        return parse_id("usr", text)
    except ValueError as error:
        raise _invalid("userId", "A user id is usr_ and 32 hex digits.") from error


def _read_status(value: generation_pb2.GenerationStatus.ValueType) -> Status | None:
    if value == generation_pb2.GENERATION_STATUS_UNSPECIFIED:
        return None
    status = STATUS_OF.get(value)
    if status is None:
        raise _invalid("status", f"The status is one of {', '.join(Status)}.")
    return status


def _write_token(last: UUID) -> str:
    return base64.urlsafe_b64encode(last.bytes).decode().rstrip("=")


def _read_token(text: str) -> UUID:
    try:
        data = base64.b64decode(text + "==", altchars=b"-_", validate=True)
        return UUID(bytes=data)
    except (ValueError, binascii.Error) as error:
        raise _invalid("cursor", "The cursor is not one that this list gave out.") from error


def _invalid(field: str, message: str) -> Invalid:
    return Invalid(message, violations=(Violation(field, message),))
