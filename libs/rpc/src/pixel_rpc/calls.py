"""The context of a call: the caller's identity and the time left."""

from __future__ import annotations

import time
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pixel_errors import Invalid, Violation

if TYPE_CHECKING:
    from collections.abc import Iterator

_LONGEST_TEXT = 128


@dataclass(frozen=True)
class Caller:
    """The user and the request of a call; empty when unknown. Sent as `pixel-user-id` and `pixel-request-id`."""

    user_id: str = ""
    request_id: str = ""

    def __post_init__(self) -> None:
        for name, text in (("user_id", self.user_id), ("request_id", self.request_id)):
            if len(text) > _LONGEST_TEXT or not (text.isascii() and text.isprintable()):
                expected = f"at most {_LONGEST_TEXT} printable ASCII characters"
                raise Invalid(f"{name}: {expected}", violations=(Violation(name, expected),))


_NOBODY = Caller()
_caller: ContextVar[Caller] = ContextVar("pixel_caller", default=_NOBODY)
_deadline: ContextVar[float | None] = ContextVar("pixel_deadline", default=None)


def caller() -> Caller:
    """Return the identity of the current call."""
    return _caller.get()


@contextmanager
def calling_as(who: Caller) -> Iterator[None]:
    """Make the calls inside the block on behalf of `who`."""
    token = _caller.set(who)
    try:
        yield
    finally:
        _caller.reset(token)


def remaining_s() -> float | None:
    """Return the seconds left for the current call, 0 when they are used up, None without a deadline."""
    at = _deadline.get()
    return None if at is None else max(at - time.monotonic(), 0.0)


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Limit the block to this time; an earlier deadline is kept."""
    at, held = time.monotonic() + seconds, _deadline.get()
    token = _deadline.set(at if held is None else min(at, held))
    try:
        yield
    finally:
        _deadline.reset(token)


def begin_call(who: Caller, seconds: float | None) -> None:
    """Set both for the rest of the running task; for a server, where each call is a task."""
    _caller.set(who)
    _deadline.set(None if seconds is None else time.monotonic() + seconds)
