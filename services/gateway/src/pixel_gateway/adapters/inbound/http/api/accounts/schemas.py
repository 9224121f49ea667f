"""Bodies of accounts, keys and their budgets."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003  msgspec reads the annotations
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, field

CreditLimit = Annotated[int, Meta(ge=0, le=1_000_000_000)]
PeriodWord = Literal["day", "month", "total"]


class Credits(msgspec.Struct, rename="camel"):
    """Credits of a user."""

    available: int
    held: int


class Me(msgspec.Struct, rename="camel"):
    """The caller."""

    id: str
    username: str
    created_at: datetime
    credits: Credits


class CreateKey(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """Create an API key."""

    name: Annotated[str, Meta(min_length=1, max_length=100, description="Name of the key.")]


class KeyView(msgspec.Struct, rename="camel"):
    """A key without its secret."""

    id: str
    name: str
    prefix: str
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


class CreatedKey(msgspec.Struct, rename="camel"):
    """A new key; the secret is shown once."""

    key: KeyView
    secret: str


class KeyPage(msgspec.Struct, rename="camel"):
    """Keys, newest first; at most 100."""

    items: list[KeyView]
    next_cursor: None


class PutKeyBudget(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """A limit on the held and spent amount of a key in a period."""

    period: PeriodWord
    limit_credits: CreditLimit


class BudgetView(msgspec.Struct, rename="camel"):
    """A limit on held and spent amounts, and the used amount of this period."""

    id: str
    scope: str
    subject: str | None
    period: str
    unit: str
    limit_amount: int = field(name="limit")
    used_amount: int = field(name="used")
    period_start_time: datetime | None = field(name="periodStartedAt")


class BudgetList(msgspec.Struct, rename="camel"):
    """Budgets by scope and subject."""

    items: list[BudgetView]
