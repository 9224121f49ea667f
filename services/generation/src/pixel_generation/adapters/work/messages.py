"""Converts work of every kind: the member `work` of RPC messages, and the events of its jobs for other services."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from pixel_generation.domain.errors import KindNotAvailable

if TYPE_CHECKING:
    from datetime import datetime

    from google.protobuf.message import Message
    from pixel_events import OutboxEvent

    from pixel_generation.domain.jobs.job import Job
    from pixel_generation.domain.work.work import Work


class KindMessages(Protocol):
    """The codec of one kind of work."""

    kind: ClassVar[str]
    """Name of the kind, and of its member of `work`."""

    def write(self, work: Any) -> Message | None:
        """Return the member; None for a kind without one."""

    def read(self, message: Any) -> Work:
        """Parse the member; raise ParseError."""

    def requested(self, job: Job, at: datetime) -> OutboxEvent:
        """Return the event that signals the workers of the job's queue."""

    def ended(self, job: Job, at: datetime) -> OutboxEvent | None:
        """Return the event of an ended job with its result; None when no other service needs it."""


class WorkMessages:
    """The codecs by kind."""

    def __init__(self, *kinds: KindMessages) -> None:
        self._of = {messages.kind: messages for messages in kinds}

    def member(self, work: Work) -> dict[str, Any]:
        """Return the member of `work` by name, as an argument of a message."""
        message = self._of[work.kind].write(work)
        return {} if message is None else {work.kind: message}

    def read(self, message: Any, kind: str = "") -> Work:
        """Return the work of a message, or None and its kind; raise KindNotAvailable or ParseError."""
        kind = kind or message.WhichOneof("work") or ""
        messages = self._of.get(kind)
        if messages is None:
            raise KindNotAvailable.of(kind or "nameless", sorted(self._of))
        return messages.read(getattr(message, kind))

    def requested(self, job: Job, at: datetime) -> OutboxEvent:
        return self._of[job.kind].requested(job, at)

    def ended(self, job: Job, at: datetime) -> OutboxEvent | None:
        return self._of[job.kind].ended(job, at)
