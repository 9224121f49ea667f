"""Ports of several capabilities."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from pixel_generation.domain.catalogue.catalogue import Catalogue


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
    """Who writes a change, which decides its fencing."""

    WORKER = "worker"
    """The run's own worker: its lease must be live."""
    RECLAIMER = "reclaimer"
    """Any process, once the lease has expired."""
    TIMEOUT = "timeout"
    """Any process: the job is past its deadline, or no worker can start it."""
    OWNER = "owner"
    """The job's user, who may cancel it at any time."""
