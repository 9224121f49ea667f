"""Parts that messages of several kinds have: times, outputs, failures."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from google.protobuf.timestamp_pb2 import Timestamp
from pixel.generation.v1 import generation_pb2 as pb
from pixel_runtime.ids import format_id

if TYPE_CHECKING:
    from pixel_generation.domain.jobs.job import Failure
    from pixel_generation.domain.jobs.output import Output

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)


def timestamp(at: datetime) -> Timestamp:
    return Timestamp(seconds=(at - _EPOCH) // _SECOND, nanos=at.microsecond * 1_000)


def output_to_proto(output: Output) -> pb.Output:
    return pb.Output(
        asset_id=format_id("ast", output.asset_id),
        index=output.index,
        width=output.facts.get("width", 0),
        height=output.facts.get("height", 0),
        content_type=output.content_type,
        size_bytes=output.size_bytes,
        seed=output.facts.get("seed"),
    )


def failure_to_proto(failure: Failure | None) -> pb.GenerationFailure | None:
    if failure is None:
        return None
    return pb.GenerationFailure(code=failure.code, message=failure.message, retryable=failure.retryable)
