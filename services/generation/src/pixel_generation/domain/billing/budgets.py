"""Budgets: limits on the spending of a key, a user, a provider or the whole platform."""

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
    """The scope of a budget."""

    KEY = "key"
    USER = "user"
    PROVIDER = "provider"
    PLATFORM = "platform"


class Period(StrEnum):
    """The UTC period after which the sum restarts."""

    DAY = "day"
    MONTH = "month"
    TOTAL = "total"
    """Never."""


class Unit(StrEnum):
    """The unit of the sum."""

    CREDITS = "credits"
    USD_MICROS = "usd_micros"
    """Provider cost in millionths of a US dollar: expected, then actual once known."""


@dataclass(frozen=True, slots=True)
class BudgetLimit:
    """A budget; one for each scope, subject, period and unit."""

    scope: Scope
    subject: str
    """Hex id of the key or user, name of the provider, or empty for the platform."""
    period: Period
    unit: Unit
    limit_amount: int


@dataclass(frozen=True, slots=True)
class Budget:
    """A budget and its used amount in the current period."""

    id: UUID
    limit: BudgetLimit
    used: int
    period_start: date | None
    """None for a budget without periods."""


def names_subject(scope: Scope, subject: str) -> bool:
    """Return whether the subject has the form of its scope."""
    match scope:
        case Scope.KEY | Scope.USER:
            return HEX_ID.fullmatch(subject) is not None
        case Scope.PROVIDER:
            return PROVIDER.fullmatch(subject) is not None
        case Scope.PLATFORM:
            return not subject
