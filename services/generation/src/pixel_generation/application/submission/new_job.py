"""Converts a request to a job."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pixel_errors import Invalid, Violation
from pixel_limits.generation import SUBMISSION_CANCEL_AFTER_SECONDS_GTE as SHORTEST_CANCEL_S
from pixel_limits.generation import SUBMISSION_CANCEL_AFTER_SECONDS_LTE as LONGEST_CANCEL_S
from pixel_limits.generation import SUBMISSION_END_USER_MAX_LEN as MAX_END_USER_CHARS
from pixel_limits.generation import SUBMISSION_IDEMPOTENCY_KEY_MAX_LEN as MAX_KEY_CHARS
from pixel_limits.generation import SUBMISSION_MAX_RETRIES_LTE as MOST_RETRIES
from pixel_limits.generation import SUBMISSION_METADATA_KEY_MAX_LEN as MAX_LABEL_NAME_CHARS
from pixel_limits.generation import SUBMISSION_METADATA_MAX_PAIRS as MAX_LABELS
from pixel_limits.generation import SUBMISSION_METADATA_VALUE_MAX_LEN as MAX_LABEL_CHARS

from pixel_generation.application.submission.ports import NewGeneration
from pixel_generation.domain.jobs.job import Job, Priority
from pixel_generation.domain.routing.routing import route
from pixel_generation.domain.work.text import is_storable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from uuid import UUID

    from pixel_generation.application.ports import Randomness
    from pixel_generation.domain.catalogue.catalogue import Catalogue
    from pixel_generation.domain.routing.routing import RoutedWork
    from pixel_generation.domain.work.work import Work

LATEST_SCHEDULE = timedelta(days=30)
SCHEDULE_TOLERANCE = timedelta(minutes=1)
"""A schedule time at most this long in the past means now."""


@dataclass(frozen=True, slots=True)
class SubmitGeneration:
    """One request of one user."""

    user_id: UUID
    work: Work
    idempotency_key: str = ""
    route: str = ""
    trace: Mapping[str, str] = field(default_factory=dict)
    priority: Priority = Priority.NORMAL
    schedule_time: datetime | None = None
    """Earliest start."""
    cancel_after_s: float = 0.0
    """Cancelled after this many seconds in any state; 0 means never."""
    api_key_id: UUID | None = None
    end_user: str = ""
    """End user of the caller's app."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    adjust: bool = False
    """Change unsupported values to the nearest supported ones."""
    allow_fallback: bool = False
    """Let another model run it when the chosen one cannot."""
    max_retries: int | None = None
    """Automatic retries of a failed run; None means as configured."""

    def fingerprint(self) -> bytes:
        """Digest of the request as sent; equal requests with one idempotency key have equal digests."""
        options = {name: getattr(self, name) for name, default in _OPTIONS.items() if getattr(self, name) != default}
        if not options:
            return self.work.fingerprint()
        text = json.dumps(options, sort_keys=True, separators=(",", ":"), default=str)
        return hashlib.sha256(self.work.fingerprint() + text.encode("utf-8", "surrogatepass")).digest()


_OPTIONS: dict[str, object] = {
    "priority": Priority.NORMAL,
    "schedule_time": None,
    "cancel_after_s": 0.0,
    "end_user": "",
    "metadata": {},
    "adjust": False,
    "allow_fallback": False,
    "max_retries": None,
}
"""Fields of a request besides its work, with their neutral values."""


@dataclass(frozen=True, slots=True)
class JobLimits:
    """Limits of every job."""

    max_wait: timedelta
    """From its earliest start to its first run."""
    max_retries: int


def new_generation(
    command: SubmitGeneration, models: Catalogue, *, now: datetime, randomness: Randomness, limits: JobLimits
) -> NewGeneration:
    """Validate the request, choose the model, compute the price; raise its errors."""
    _refuse_wrong(command, now)
    routed = route(command.work, models, randomness.seed, adjust=command.adjust, allow_fallback=command.allow_fallback)
    return NewGeneration(
        _job(command, routed, now=now, randomness=randomness, limits=limits),
        idempotency_key=command.idempotency_key,
        route=command.route,
        fingerprint=command.fingerprint() if command.idempotency_key else b"",
        cost_usd_micros=routed.cost_usd_micros,
    )


def _job(
    command: SubmitGeneration, routed: RoutedWork, *, now: datetime, randomness: Randomness, limits: JobLimits
) -> Job:
    starts = max(now, command.schedule_time or now)
    cancel_at = now + timedelta(seconds=command.cancel_after_s) if command.cancel_after_s else None
    return Job(
        id=randomness.new_id(),
        user_id=command.user_id,
        set_id=randomness.new_id(),
        work=routed.work,
        queue=routed.model.queue,
        cost_credits=routed.cost_credits,
        created_at=now,
        scheduled_at=starts,
        deadline_at=min(starts + limits.max_wait, cancel_at or datetime.max.replace(tzinfo=now.tzinfo)),
        max_retries=limits.max_retries if command.max_retries is None else command.max_retries,
        trace=command.trace,
        priority=command.priority,
        cancel_at=cancel_at,
        api_key_id=command.api_key_id,
        end_user=command.end_user,
        metadata=command.metadata,
        price_id=routed.price.id,
        route=routed.route.as_dict() | {"credits_per_unit": routed.price.credits_per_unit},
        adjustments=routed.adjustments,
    )


def _refuse_wrong(command: SubmitGeneration, now: datetime) -> None:
    for text in (command.idempotency_key, command.route):
        if len(text) > MAX_KEY_CHARS or "\0" in text:
            raise Invalid(f"An idempotency key and its route have at most {MAX_KEY_CHARS} characters and no NUL.")
    violations = (*_label_violations(command), *_time_violations(command, now))
    if command.max_retries is not None and not 0 <= command.max_retries <= MOST_RETRIES:
        violations += (Violation("maxRetries", f"A failed run is repeated 0 to {MOST_RETRIES} times."),)
    if violations:
        raise Invalid(violations[0].message, violations=violations)


def _label_violations(command: SubmitGeneration) -> Iterator[Violation]:
    if len(command.end_user) > MAX_END_USER_CHARS or not is_storable(command.end_user):
        yield Violation("user", f"The end user has at most {MAX_END_USER_CHARS} characters and no NUL.")
    if len(command.metadata) > MAX_LABELS:
        yield Violation("metadata", f"There are at most {MAX_LABELS} labels.")
    for name, label in command.metadata.items():
        if not 1 <= len(name) <= MAX_LABEL_NAME_CHARS or len(label) > MAX_LABEL_CHARS:
            message = (
                f"A label has a name of 1 to {MAX_LABEL_NAME_CHARS} characters"
                f" and a value of at most {MAX_LABEL_CHARS}."
            )
            yield Violation("metadata", message)
        elif not (is_storable(name) and is_storable(label)):
            yield Violation("metadata", "A label contains a NUL character or half a surrogate pair.")


def _time_violations(command: SubmitGeneration, now: datetime) -> Iterator[Violation]:
    starts, seconds = command.schedule_time, command.cancel_after_s
    if starts is not None and not now - SCHEDULE_TOLERANCE <= starts <= now + LATEST_SCHEDULE:
        yield Violation("scheduledAt", f"A job starts within {LATEST_SCHEDULE.days} days, and not in the past.")
    if seconds and not (math.isfinite(seconds) and SHORTEST_CANCEL_S <= seconds <= LONGEST_CANCEL_S):
        yield Violation(
            "cancelAfter", f"A job is cancelled after {SHORTEST_CANCEL_S:g} to {LONGEST_CANCEL_S:g} seconds."
        )
    elif seconds and starts is not None and starts >= now + timedelta(seconds=seconds):
        yield Violation("cancelAfter", "The job would be cancelled before the time it is scheduled for.")
