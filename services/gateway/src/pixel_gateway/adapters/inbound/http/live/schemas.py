"""Bodies of live progress and of tickets."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003  msgspec reads the annotations

import msgspec

from pixel_gateway.adapters.inbound.http.api.generations.schemas import ProgressEvent


class ProcessingUpdate(msgspec.Struct, rename="camel"):
    """A message of the progress WebSocket.

    `status`, and `type` as its alias, is queued, processing, complete or failed. `event` is
    `progress`, `completed`, `failed` or `cancelled` (or `snapshot`, `resync`).
    """

    type: str
    event: str
    request_id: str
    status: str
    generation_status: str
    stage: str
    progress: int
    message: str
    sequence: int
    set_id: str
    error: str | None
    error_code: str | None
    time: datetime


class ChannelEvent(ProgressEvent, rename="camel", kw_only=True):
    """One stored event of any of your generations; resume from `position`."""

    position: str | None


class ChannelUpdateView(ProcessingUpdate, rename="camel", kw_only=True):
    """A message about any of your generations; resume from `position`."""

    position: str | None


class ChannelSnapshot(msgspec.Struct, rename="camel"):
    """Your open generations; `type` is `snapshot` or `resync`.

    `truncated` means that there are more than 1,000; the rest appears by its events only.
    """

    type: str
    position: str | None
    generations: list[ProgressEvent]
    truncated: bool


class CreateTicketBody(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """The streams that the ticket opens: one generation's, or any of yours."""

    generation_id: str | None = None


class TicketView(msgspec.Struct, rename="camel"):
    """A ticket, valid for one stream."""

    ticket: str
    expires_at: datetime
