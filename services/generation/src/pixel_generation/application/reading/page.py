"""A page of a list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar
from uuid import UUID

Item = TypeVar("Item")
Place = TypeVar("Place")

FIRST = UUID(int=2**128 - 1)
"""Above every id: the start of a descending list."""


@dataclass(frozen=True, slots=True)
class Page(Generic[Item, Place]):
    """Items of a list and the position of the next page; None at the end.

    A page may be short without being the last: a filter scans a bounded number of rows.
    """

    items: list[Item]
    next: Place | None
