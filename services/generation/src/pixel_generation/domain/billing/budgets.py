"""Limits on what may be held and spent by a key, a user, a provider or the whole platform."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date
    from uuid import UUID

HEX_ID = re.compile(r"[0-9a-f]{32}")
PROVIDER = re.compile(r"[a-z][a-z0-9_-]{0,39}")


class Scope(StrEnum):
    """Whose spending is limited."""

    KEY = "key"
    USER = "user"
    PROVIDER = "provider"
    PLATFORM = "platform"


class Period(StrEnum):
    """After which UTC time the sum starts again."""

    DAY = "day"
    MONTH = "month"
    TOTAL = "total"
    """Never."""


class Unit(StrEnum):
    """What is summed."""

    CREDITS = "credits"
    USD_MICROS = "usd_micros"
    """What the provider is expected to charge, and once known charges, in millionths of a US dollar."""


@dataclass(frozen=True, slots=True)
class BudgetLimit:
    """A limit as it is set; one for each scope, subject, period and unit."""

    scope: Scope
    subject: str
    """Hex id of the key or user, name of the provider, or empty for the platform."""
    period: Period
    unit: Unit
    limit_amount: int


@dataclass(frozen=True, slots=True)
class Budget:
    """A limit and how much of it is used in the present period."""

    id: UUID
    limit: BudgetLimit
    used: int
    period_start: date | None
    """None for a budget without periods."""


def names_subject(scope: Scope, subject: str) -> bool:
    """Tell whether the subject is of the form that the scope asks for."""
    match scope:
        case Scope.KEY | Scope.USER:
            return HEX_ID.fullmatch(subject) is not None
        case Scope.PROVIDER:
            return PROVIDER.fullmatch(subject) is not None
        case Scope.PLATFORM:
            return not subject
