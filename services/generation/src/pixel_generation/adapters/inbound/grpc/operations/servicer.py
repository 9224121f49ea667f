"""Operations over gRPC."""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.protobuf.struct_pb2 import Struct
from pixel.generation.v1 import operations_service_pb2 as pb
from pixel.generation.v1 import operations_service_pb2_grpc
from pixel_limits.generation import LIST_GENERATIONS_REQUEST_PAGE_SIZE_LTE as MAX_PAGE
from pixel_runtime.ids import format_id

from pixel_generation.adapters.inbound.grpc.generations.receipt_codec import attempt_to_proto
from pixel_generation.adapters.inbound.grpc.read_request import (
    invalid,
    read_generation_id,
    read_size,
    read_time,
    read_timed_token,
    read_token,
    read_user_id,
    write_timed_token,
    write_token,
)
from pixel_generation.adapters.output_codec import failure_to_proto, timestamp
from pixel_generation.application.operations.failed_jobs import DEFAULT_REDRIVEN, ListFailures, RedriveFailures
from pixel_generation.application.operations.list_actions import ListActions
from pixel_generation.application.operations.ports import QueueChange
from pixel_generation.domain.catalogue.queue_state import QueueState
from pixel_generation.domain.jobs.failures import FailureFilter

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from pixel_generation.application import Application
    from pixel_generation.application.operations.ports import Action
    from pixel_generation.domain.jobs.failures import FailedWork, SetAsideJob
    from pixel_generation.domain.jobs.statistics import GenerationStats
    from pixel_generation.domain.queueing.queues import QueueStatus

DEFAULT_PAGE = 20


class OperationsServicer(operations_service_pb2_grpc.OperationsServiceServicer):
    def __init__(self, app: Application) -> None:
        self._operations = app.operations

    async def GetQueueStatus(  # noqa: N802 - named by the proto
        self, request: pb.GetQueueStatusRequest, context: object
    ) -> pb.GetQueueStatusResponse:
        del request, context
        status = await self._operations.get_queues()
        return pb.GetQueueStatusResponse(
            queue_length=status.queue_length,
            processing_count=status.processing_count,
            average_wait_seconds=status.average_wait_s,
            estimated_processing_seconds=status.median_run_s,
            queues=map(_queue_to_proto, status.queues),
        )

    async def ProcessQueue(  # noqa: N802 - named by the proto
        self, request: pb.ProcessQueueRequest, context: object
    ) -> pb.ProcessQueueResponse:
        del request, context
        done = await self._operations.process_queue()
        return pb.ProcessQueueResponse(signalled_queues=done.signalled_queues, swept_jobs=done.swept_jobs)

    async def GetGenerationStats(  # noqa: N802 - named by the proto
        self, request: pb.GetGenerationStatsRequest, context: object
    ) -> pb.GetGenerationStatsResponse:
        del context
        user_id = read_user_id(request.user_id) if request.user_id else None
        first, last = read_time(request, "start_time"), read_time(request, "end_time")
        return _stats_to_proto(
            await self._operations.get_statistics(user_id, first and first.date(), last and last.date())
        )

    async def ListQueues(  # noqa: N802 - named by the proto
        self, request: pb.ListQueuesRequest, context: object
    ) -> pb.ListQueuesResponse:
        del request, context
        status = await self._operations.get_queues()
        return pb.ListQueuesResponse(queues=map(_queue_to_proto, status.queues))

    async def UpdateQueue(  # noqa: N802 - named by the proto
        self, request: pb.UpdateQueueRequest, context: object
    ) -> pb.UpdateQueueResponse:
        del context
        change = QueueChange(
            queue=request.queue,
            actor=request.actor,
            reason=request.reason,
            state=_read_queue_state(request.state),
            max_running=request.max_running if request.HasField("max_running") else None,
            max_queued=request.max_queued if request.HasField("max_queued") else None,
        )
        return pb.UpdateQueueResponse(queue=_queue_to_proto(await self._operations.update_queue(change)))

    async def ListFailures(  # noqa: N802 - named by the proto
        self, request: pb.ListFailuresRequest, context: object
    ) -> pb.ListFailuresResponse:
        del context
        query = ListFailures(
            _read_filter(request.filter),
            before=read_timed_token(request.page_token),
            limit=read_size(request.page_size, default=DEFAULT_PAGE, most=MAX_PAGE),
        )
        found = await self._operations.list_failures(query)
        return pb.ListFailuresResponse(
            failures=map(_failed_work_to_proto, found.page.items),
            next_page_token=write_timed_token(found.page.next),
            count_by_code=found.count_by_code,
            set_aside=map(_set_aside_to_proto, found.set_aside),
        )

    async def RedriveFailures(  # noqa: N802 - named by the proto
        self, request: pb.RedriveFailuresRequest, context: object
    ) -> pb.RedriveFailuresResponse:
        del context
        command = RedriveFailures(
            which=_read_filter(request.filter),
            actor=request.actor,
            dry_run=request.dry_run,
            limit=request.limit or DEFAULT_REDRIVEN,
            rate_per_second=request.rate_per_second,
        )
        outcome = await self._operations.redrive_failures(command)
        return pb.RedriveFailuresResponse(
            ids=[format_id("gen", job_id) for job_id in outcome.job_ids],
            refused={format_id("gen", job_id): reason for job_id, reason in outcome.refused.items()},
        )

    async def ListActions(  # noqa: N802 - named by the proto
        self, request: pb.ListActionsRequest, context: object
    ) -> pb.ListActionsResponse:
        del context
        query = ListActions(
            user_id=read_user_id(request.user_id) if request.user_id else None,
            job_id=read_generation_id(request.generation_id) if request.generation_id else None,
            before=read_token(request.page_token),
            limit=read_size(request.page_size, default=DEFAULT_PAGE, most=MAX_PAGE),
        )
        page = await self._operations.list_actions(query)
        return pb.ListActionsResponse(actions=map(_action_to_proto, page.items), next_page_token=write_token(page.next))


def _read_queue_state(text: str) -> QueueState | None:
    if not text:
        return None
    try:
        return QueueState(text)
    except ValueError as error:
        raise invalid("state", f"The state is one of {', '.join(QueueState)}.") from error


def _read_filter(message: pb.FailureFilter) -> FailureFilter:
    return FailureFilter(
        failure_code=message.failure_code,
        model=message.model,
        user_id=read_user_id(message.user_id) if message.user_id else None,
        kind=message.kind or None,
        ended_after=read_time(message, "ended_after"),
        ended_before=read_time(message, "ended_before"),
        job_id=read_generation_id(message.generation_id) if message.generation_id else None,
    )


def _queue_to_proto(queue: QueueStatus) -> pb.Queue:
    return pb.Queue(
        queue=queue.queue,
        provider=queue.provider,
        state=queue.state,
        max_running=queue.max_running,
        max_queued=queue.max_queued,
        queued=queue.queued,
        held_back=queue.held_back,
        running=queue.running,
        health=queue.health,
        oldest_wait_seconds=queue.oldest_wait_s,
        workers=queue.workers,
    )


def _stats_to_proto(stats: GenerationStats) -> pb.GetGenerationStatsResponse:
    total = stats.total
    return pb.GetGenerationStatsResponse(
        total_generations=total.generations,
        successful_generations=total.completed,
        failed_generations=total.failed,
        cancelled_generations=total.cancelled,
        average_seconds=total.average_s,
        total_credits=total.credits,
        models=[
            pb.ModelStats(
                model=model,
                generations=figures.generations,
                completed=figures.completed,
                average_seconds=figures.average_s,
                images=figures.outputs,
                credits=figures.credits,
            )
            for model, figures in stats.models
        ],
        days=[
            pb.DayStats(
                day=day.isoformat(), generations=figures.generations, failed=figures.failed, credits=figures.credits
            )
            for day, figures in stats.days
        ],
        provider_cost_usd_micros=stats.provider_cost_usd_micros,
        credits_by_feature=stats.credits_by_kind,
        retries=total.retries,
    )


def _failed_work_to_proto(work: FailedWork) -> pb.FailedWork:
    return pb.FailedWork(
        id=format_id("gen", work.job_id),
        user_id=format_id("usr", work.user_id),
        kind=work.kind,
        model=work.model,
        failure=failure_to_proto(work.failure),
        attempts=map(attempt_to_proto, work.attempts),
        redacted_payload=_struct_of(work.redacted_payload),
        end_time=timestamp(work.ended_at),
        released_credits=work.released_credits,
    )


def _set_aside_to_proto(job: SetAsideJob) -> pb.SetAsideJob:
    return pb.SetAsideJob(
        id=format_id("gen", job.job_id),
        duty=job.duty,
        reason=job.reason,
        failures=job.failures,
        first_time=timestamp(job.first_at),
        last_time=timestamp(job.last_at),
        look_again_time=timestamp(job.look_again_at),
    )


def _action_to_proto(action: Action) -> pb.Action:
    return pb.Action(
        id=action.id.hex,
        actor=action.actor,
        action=action.action,
        user_id=format_id("usr", action.user_id) if action.user_id else "",
        generation_id=format_id("gen", action.job_id) if action.job_id else "",
        metadata=_struct_of(action.metadata),
        create_time=timestamp(action.created_at),
    )


def _struct_of(values: Mapping[str, Any]) -> Struct:
    struct = Struct()
    struct.update(values)
    return struct
