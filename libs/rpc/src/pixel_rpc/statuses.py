"""Errors as gRPC statuses: status code, google.rpc.ErrorInfo, RetryInfo and BadRequest, in both directions."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]
from grpc import StatusCode
from pixel_errors import KINDS, PixelError, Violation, restore

if TYPE_CHECKING:
    import grpc.aio

DOMAIN = "pixel"
DETAILS_KEY = "grpc-status-details-bin"
_NANOS = 1_000_000_000

# The transport limits trailing metadata: a longer error would not arrive at all.
_MOST_VIOLATIONS = 32
_MOST_METADATA = 16
_DETAIL_BYTES = 2048
_TEXT_BYTES = 256

_CODES = {
    "invalid": StatusCode.INVALID_ARGUMENT,
    "unauthenticated": StatusCode.UNAUTHENTICATED,
    "forbidden": StatusCode.PERMISSION_DENIED,
    "not_found": StatusCode.NOT_FOUND,
    "conflict": StatusCode.ABORTED,
    "failed_precondition": StatusCode.FAILED_PRECONDITION,
    "exhausted": StatusCode.RESOURCE_EXHAUSTED,
    "unavailable": StatusCode.UNAVAILABLE,
    "deadline": StatusCode.DEADLINE_EXCEEDED,
    "internal": StatusCode.INTERNAL,
}
# A status without ErrorInfo comes from the transport; CANCELLED then means that the server stopped during the call.
_KINDS = {code: kind for kind, code in _CODES.items()} | {
    StatusCode.OUT_OF_RANGE: "invalid",
    StatusCode.ALREADY_EXISTS: "conflict",
    StatusCode.CANCELLED: "unavailable",
}


@dataclass(frozen=True)
class WireStatus:
    """The arguments of `ServicerContext.abort`."""

    code: StatusCode
    message: str
    trailing_metadata: tuple[tuple[str, bytes], ...]


def to_status(error: PixelError) -> WireStatus:
    """Write an error as a status; the ErrorInfo metadata key `kind` holds the error kind."""
    code = _CODES[error.kind]
    status = status_pb2.Status(code=code.value[0], message=_cut(error.detail, _DETAIL_BYTES))
    metadata = {
        _cut(key, _TEXT_BYTES): _cut(str(value), _TEXT_BYTES)
        for key, value in itertools.islice(error.metadata.items(), _MOST_METADATA)
    }
    info = error_details_pb2.ErrorInfo(
        reason=_cut(error.code, _TEXT_BYTES), domain=DOMAIN, metadata=metadata | {"kind": error.kind}
    )
    status.details.add().Pack(info)
    if error.retry_after_s is not None:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.seconds, retry.retry_delay.nanos = divmod(round(error.retry_after_s * _NANOS), _NANOS)
        status.details.add().Pack(retry)
    if error.violations:
        bad = error_details_pb2.BadRequest()
        for violation in error.violations[:_MOST_VIOLATIONS]:
            bad.field_violations.add(
                field=_cut(violation.field, _TEXT_BYTES), description=_cut(violation.message, _TEXT_BYTES)
            )
        status.details.add().Pack(bad)
    return WireStatus(code, status.message, ((DETAILS_KEY, status.SerializeToString()),))


def from_call(error: grpc.aio.AioRpcError) -> PixelError:
    """Read the error a peer wrote; of a status from the transport only the kind is kept, its text is withheld."""
    for key, value in error.trailing_metadata() or ():
        if key == DETAILS_KEY and isinstance(value, bytes):
            restored = _from_details(value)
            if restored is not None:
                return restored
    kind = KINDS[_KINDS.get(error.code(), "internal")]
    return kind()


def _from_details(raw: bytes) -> PixelError | None:
    try:
        status = status_pb2.Status.FromString(raw)
    except DecodeError:
        return None
    info = error_details_pb2.ErrorInfo()
    retry = error_details_pb2.RetryInfo()
    bad = error_details_pb2.BadRequest()
    retry_after_s: float | None = None
    for detail in status.details:
        if detail.Unpack(info):
            continue
        if detail.Unpack(retry):
            retry_after_s = retry.retry_delay.seconds + retry.retry_delay.nanos / _NANOS
        else:
            detail.Unpack(bad)
    if info.domain != DOMAIN:
        return None
    metadata = dict(info.metadata)
    return restore(
        metadata.pop("kind", ""),
        info.reason,
        status.message,
        metadata=metadata,
        violations=tuple(Violation(each.field, each.description) for each in bad.field_violations),
        retry_after_s=retry_after_s,
    )


def _cut(text: str, most_bytes: int) -> str:
    """Truncate to what fits, between characters; a lone surrogate cannot be encoded and becomes a question mark."""
    raw = text.encode("utf-8", "replace")
    return raw[:most_bytes].decode("utf-8", "ignore")
