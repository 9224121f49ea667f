"""Notifications, grouped while unread."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import UUID

from pixel_errors import Violation

from pixel_social.domain.errors import InvalidPageToken

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

DEFAULT_PAGE_SIZE = 20


class NotificationKind(StrEnum):
    """The kind of an event."""

    GENERATION_FAILED = "generation_failed"


@dataclass(frozen=True, slots=True)
class NotificationEvent:
    """One event on a user's resource."""

    user_id: UUID
    kind: NotificationKind
    reason: str
    resource_id: UUID
    happened_at: datetime
    group_key: str = ""
    """Group key within a kind; empty groups all of the kind."""


@dataclass(frozen=True, slots=True)
class Notification:
    """The events of a group since its user last read it."""

    id: UUID
    user_id: UUID
    kind: NotificationKind
    count: int
    reasons: Mapping[str, int]
    resource_id: UUID
    """The resource of the latest event."""
    first_at: datetime
    last_at: datetime
    read_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class NotificationPosition:
    """The position of a notification, after which a page begins."""

    last_at: datetime
    id: UUID

    @classmethod
    def of(cls, notification: Notification) -> Self:
        return cls(notification.last_at, notification.id)

    @classmethod
    def parse(cls, token: str) -> Self:
        """Parse a token; raise InvalidPageToken."""
        seconds, _, hex_id = token.partition("-")
        try:
            return cls(datetime.fromtimestamp(int(seconds) / 1_000_000, UTC), UUID(hex_id))
        except (ValueError, OverflowError, OSError):
            violation = Violation("cursor", "must be the token of the previous page")
            raise InvalidPageToken(violations=(violation,)) from None

    def token(self) -> str:
        """Return the token for `parse`."""
        since = self.last_at - datetime(1970, 1, 1, tzinfo=UTC)
        microseconds = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
        return f"{microseconds}-{self.id.hex}"
