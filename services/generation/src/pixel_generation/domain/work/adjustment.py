"""What was changed of a request, because its user allowed it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Adjustment:
    """A requested value that was changed to a supported one."""

    field: str
    requested: str
    used: str
