"""Work of every kind as messages: the member `work` of RPC messages, and what other services hear of its jobs."""

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
    """Work of one kind as messages."""

    kind: ClassVar[str]
    """Name of the kind, and of its member of `work`."""

    def write(self, work: Any) -> Message | None:
        """Return the member; None for a kind that has none."""

    def read(self, message: Any) -> Work:
        """Read the member; raise ParseError."""

    def requested(self, job: Job, at: datetime) -> OutboxEvent:
        """Signal the workers of the job's queue that it waits."""

    def ended(self, job: Job, at: datetime) -> OutboxEvent | None:
        """Announce an end with its result; None when other services need not know."""


class WorkMessages:
    """Finds the messages of a kind."""

    def __init__(self, *kinds: KindMessages) -> None:
        self._of = {messages.kind: messages for messages in kinds}

    def member(self, work: Work) -> dict[str, Any]:
        """Return the member of `work` by its name, as an argument of a message."""
        message = self._of[work.kind].write(work)
        return {} if message is None else {work.kind: message}

    def read(self, message: Any, kind: str = "") -> Work:
        """Return the work that a message holds, or none but its kind; raise KindNotAvailable or ParseError."""
        kind = kind or message.WhichOneof("work") or ""
        messages = self._of.get(kind)
        if messages is None:
            raise KindNotAvailable.of(kind or "nameless", sorted(self._of))
        return messages.read(getattr(message, kind))

    def requested(self, job: Job, at: datetime) -> OutboxEvent:
        return self._of[job.kind].requested(job, at)

    def ended(self, job: Job, at: datetime) -> OutboxEvent | None:
        return self._of[job.kind].ended(job, at)
