"""Rows are decoded one by one: what cannot be read costs no other row."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, TypeVar

from pixel_generation.application.maintenance.ports import BrokenRow, Found

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

log = logging.getLogger(__name__)

Item = TypeVar("Item")


def decode_each(rows: Iterable[Mapping[str, Any]], decode: Callable[[Mapping[str, Any]], Item]) -> Found[Item]:
    """Return the items, and the rows of jobs that are none, with the reason."""
    items: list[Item] = []
    broken: list[BrokenRow] = []
    for row in rows:
        try:
            items.append(decode(row))
        except Exception as error:  # noqa: BLE001 - whatever is wrong with it, it is this row's alone
            log.warning("row_not_decoded", extra={"job_id": row["id"].hex, "error": type(error).__name__})
            broken.append(BrokenRow(row["id"], f"{type(error).__name__}: {error}"))
    return Found(items, tuple(broken))
