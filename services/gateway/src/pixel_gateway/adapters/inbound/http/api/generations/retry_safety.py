"""Safety of retries: a client that retries a submission automatically must not create and pay for a second job."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pixel_errors import Internal, PixelError, restore

from pixel_gateway.adapters.inbound.http.routing.problems import RETRY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pixel_gateway.application.generations.ports import Accepted
    from pixel_gateway.domain.generation import Generation

_TURNED_AWAY = frozenset({"OVERLOADED", "SUBMISSIONS_FULL", "QUEUE_CLOSED", "QUEUE_FULL"})
"""Reasons with which nothing was accepted."""

_UNKNOWN_OUTCOMES = frozenset({"unavailable", "deadline", "internal"})


@dataclass
class SubmissionAttempt:
    """A submission in progress; its generation is known once it was accepted."""

    generation_id: str = ""

    def accepted(self, accepted: Accepted) -> Generation:
        """Record that it was accepted; return its generation."""
        self.generation_id = accepted.generation.id
        return accepted.generation


@contextmanager
def retry_safety(idempotency_key: str) -> Iterator[SubmissionAttempt]:
    """Add the generation to an error raised inside and, without a key, mark the error as not retryable unless certainly
    nothing was accepted.
    """
    attempt = SubmissionAttempt()
    try:
        yield attempt
    except Exception as error:
        known = error if isinstance(error, PixelError) else Internal()
        facts = _facts(known, attempt, is_replayable=bool(idempotency_key))
        if not facts:
            raise
        raise restore(
            known.kind,
            known.code,
            known.detail,
            metadata=known.metadata | facts,
            violations=known.violations,
            retry_after_s=known.retry_after_s,
        ) from error


def _facts(error: PixelError, attempt: SubmissionAttempt, *, is_replayable: bool) -> dict[str, str]:
    facts = {"generation_id": attempt.generation_id} if attempt.generation_id else {}
    may_be_accepted = error.kind in _UNKNOWN_OUTCOMES and error.code not in _TURNED_AWAY
    if not is_replayable and (attempt.generation_id or may_be_accepted):
        facts[RETRY] = "false"
    return facts
