"""What use cases of every capability need from the outside."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from pixel_generation.domain.routing.catalogue import Catalogue


class Clock(Protocol):
    def now(self) -> datetime:
        """Return the time, aware, UTC."""


class Randomness(Protocol):
    def new_id(self) -> UUID:
        """Return a UUIDv7."""

    def seed(self) -> int:
        """Return a seed from 0 to 2^31 - 1; every provider accepts that range."""

    def fraction(self) -> float:
        """Return a uniform number in [0, 1)."""


class Catalogues(Protocol):
    async def current(self) -> Catalogue:
        """Return the enabled models; raise Unavailable."""


class Writer(StrEnum):
    """Whose right a change claims."""

    WORKER = "worker"
    """The run's own worker: its lease must be live."""
    RECLAIMER = "reclaimer"
    """Anyone, once the lease is over."""
    TIMEOUT = "timeout"
    """Anyone: the job's time is up, or nothing can start it any more."""
    OWNER = "owner"
    """The job's user, who cancels it whatever its worker does."""
