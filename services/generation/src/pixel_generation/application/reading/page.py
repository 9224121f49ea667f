"""A part of a list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar
from uuid import UUID

Item = TypeVar("Item")
Place = TypeVar("Place")

FIRST = UUID(int=2**128 - 1)
"""Above every id: where a list that goes down begins."""


@dataclass(frozen=True, slots=True)
class Page(Generic[Item, Place]):
    """Some items of a list and the place to read on from; None at the end.

    A page may be short and not the last: a filter looks at a bounded number of rows.
    """

    items: list[Item]
    next: Place | None
