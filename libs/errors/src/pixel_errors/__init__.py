"""The hierarchy of expected errors.

Ten kinds, each with a stable `reason` code. Services subclass a kind in their domain; libs/rpc transfers an error over
gRPC, and the gateway renders it as an RFC 9457 problem. Any other exception is internal: its text never leaves the
process.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Violation:
    """One invalid field: its JSON path without the leading `$.`, and what was expected."""

    field: str
    message: str


class PixelError(Exception):
    """An expected error: `kind` says how to react, `reason` what happened, `detail` explains it to a person."""

    kind: ClassVar[str] = "internal"
    reason: ClassVar[str] = "INTERNAL"

    def __init__(
        self,
        detail: str = "",
        *,
        reason: str | None = None,
        metadata: dict[str, str] | None = None,
        violations: tuple[Violation, ...] = (),
        retry_after_s: float | None = None,
    ) -> None:
        self.detail = detail or (type(self).__doc__ or "").strip().split("\n")[0]
        self.metadata = metadata or {}
        self.violations = violations
        self.retry_after_s = retry_after_s
        self.code = reason or type(self).reason
        super().__init__(self.detail)


class Invalid(PixelError):
    """The request is malformed or breaks a rule; sending it again unchanged cannot succeed."""

    kind = "invalid"
    reason = "INVALID"


class Unauthenticated(PixelError):
    """The caller is not known."""

    kind = "unauthenticated"
    reason = "UNAUTHENTICATED"


class Forbidden(PixelError):
    """The caller is known and may not do this."""

    kind = "forbidden"
    reason = "FORBIDDEN"


class NotFound(PixelError):
    """The resource does not exist, or it is not the caller's."""

    kind = "not_found"
    reason = "NOT_FOUND"


class Conflict(PixelError):
    """The request conflicts with another one or with the current state."""

    kind = "conflict"
    reason = "CONFLICT"


class FailedPrecondition(PixelError):
    """The system is not in the state the request needs; it may be later."""

    kind = "failed_precondition"
    reason = "FAILED_PRECONDITION"


class Exhausted(PixelError):
    """A quota or limit of the caller is used up."""

    kind = "exhausted"
    reason = "EXHAUSTED"


class Unavailable(PixelError):
    """A dependency of the request cannot be reached now; retry later."""

    kind = "unavailable"
    reason = "UNAVAILABLE"


class DeadlineExceeded(PixelError):
    """The request did not finish within its deadline."""

    kind = "deadline"
    reason = "DEADLINE_EXCEEDED"


class Internal(PixelError):
    """Something unexpected happened; the trace id identifies it in the logs."""

    kind = "internal"
    reason = "INTERNAL"


KINDS: dict[str, type[PixelError]] = {
    kind.kind: kind
    for kind in (
        Invalid,
        Unauthenticated,
        Forbidden,
        NotFound,
        Conflict,
        FailedPrecondition,
        Exhausted,
        Unavailable,
        DeadlineExceeded,
        Internal,
    )
}
"""Every kind by its name."""


def restore(
    kind: str,
    reason: str,
    detail: str,
    *,
    metadata: dict[str, str] | None = None,
    violations: tuple[Violation, ...] = (),
    retry_after_s: float | None = None,
) -> PixelError:
    """Build the error from its serialized parts; an unknown kind becomes Internal."""
    error_type = KINDS.get(kind, Internal)
    return error_type(detail, reason=reason, metadata=metadata, violations=violations, retry_after_s=retry_after_s)
