"""Queues, failed work and statistics of the generation service over gRPC."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixel.generation.v1 import operations_service_pb2 as pb
from pixel.generation.v1 import operations_service_pb2_grpc as stubs

from pixel_gateway.adapters.generation_codec import stamp_of
from pixel_gateway.adapters.message_reader import content_of, facts_from, facts_of
from pixel_gateway.adapters.outbound.page_tokens import page_tokens
from pixel_gateway.domain.operations import (
    Action,
    FailedWork,
    FailurePage,
    Processed,
    Queue,
    QueueStatus,
    Redriven,
    SetAsideJob,
    Stats,
)

if TYPE_CHECKING:
    from datetime import datetime

    import grpc.aio

    from pixel_gateway.domain.operations import FailureFilter, QueueChange, Redrive


class GrpcQueueOperations:
    """The queue."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = stubs.OperationsServiceStub(channel)

    async def status(self) -> QueueStatus:
        """Return queued and running jobs of every queue."""
        return facts_of(await self._stub.GetQueueStatus(pb.GetQueueStatusRequest()), QueueStatus)

    async def process(self) -> Processed:
        """Signal the workers and sweep once."""
        return facts_of(await self._stub.ProcessQueue(pb.ProcessQueueRequest()), Processed)

    async def queues(self) -> list[Queue]:
        """Return the queues by name."""
        return [facts_of(each, Queue) for each in (await self._stub.ListQueues(pb.ListQueuesRequest())).queues]

    async def update_queue(self, change: QueueChange) -> Queue:
        """Open, pause or drain a queue, or change its limits; raise NotFound."""
        request = pb.UpdateQueueRequest(
            queue=change.queue,
            state=change.state,
            max_running=change.max_running,
            max_queued=change.max_queued,
            actor=change.actor,
            reason=change.reason,
        )
        return facts_of((await self._stub.UpdateQueue(request)).queue, Queue)


class GrpcFailedGenerations:
    """Failed work, for operators."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = stubs.OperationsServiceStub(channel)

    async def page(self, wanted: FailureFilter, *, limit: int, cursor: str) -> FailurePage:
        """Return a page, newest first."""
        request = pb.ListFailuresRequest(filter=_filter_message(wanted), page_size=limit, page_token=cursor)
        with page_tokens():
            answer = await self._stub.ListFailures(request)
        return FailurePage(
            failures=tuple(_failed_work_of(each) for each in answer.failures),
            next_cursor=answer.next_page_token,
            count_by_code=dict(answer.count_by_code),
            set_aside=tuple(facts_of(each, SetAsideJob) for each in answer.set_aside),
        )

    async def redrive(self, redrive: Redrive) -> Redriven:
        """Retry failures that match a filter, or return them in a dry run."""
        request = pb.RedriveFailuresRequest(
            filter=_filter_message(redrive.filter),
            dry_run=redrive.dry_run,
            limit=redrive.limit,
            rate_per_second=redrive.rate_per_second,
            actor=redrive.actor,
        )
        return facts_of(await self._stub.RedriveFailures(request), Redriven)


class GrpcRecords:
    """Statistics and actions."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = stubs.OperationsServiceStub(channel)

    async def stats(self, user_id: str, from_time: datetime | None, to_time: datetime | None) -> Stats:
        """Return sums over ended generations of a user; an empty id means all users."""
        request = pb.GetGenerationStatsRequest(
            user_id=user_id, start_time=stamp_of(from_time), end_time=stamp_of(to_time)
        )
        return facts_of(await self._stub.GetGenerationStats(request), Stats)

    async def actions(
        self, *, user_id: str = "", generation_id: str = "", limit: int, cursor: str = ""
    ) -> tuple[list[Action], str]:
        """Return a page, newest first, and the cursor of the next one (empty on the last)."""
        request = pb.ListActionsRequest(
            user_id=user_id, generation_id=generation_id, page_size=limit, page_token=cursor
        )
        with page_tokens():
            answer = await self._stub.ListActions(request)
        return [_action_of(each) for each in answer.actions], answer.next_page_token


def _filter_message(wanted: FailureFilter) -> pb.FailureFilter:
    return pb.FailureFilter(
        failure_code=wanted.failure_code,
        model=wanted.model,
        user_id=wanted.user_id,
        kind=wanted.job_type,
        ended_after=stamp_of(wanted.from_time),
        ended_before=stamp_of(wanted.to_time),
        generation_id=wanted.generation_id,
    )


def _failed_work_of(message: pb.FailedWork) -> FailedWork:
    return facts_from(content_of(message) | {"job_type": message.kind}, FailedWork)


def _action_of(message: pb.Action) -> Action:
    content = content_of(message)
    # A Struct has every number as a double; whole numbers are converted back.
    content["metadata"] = {
        name: int(value) if isinstance(value, float) and value.is_integer() else value
        for name, value in content.get("metadata", {}).items()
    }
    return facts_from(content, Action)
