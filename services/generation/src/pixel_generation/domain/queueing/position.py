"""The position of an event among all events of its user."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self
from uuid import UUID

_TEXT = re.compile(r"(\d{1,20})\.([0-9a-f]{32})\.(\d{1,19})")
_NO_JOB = UUID(int=0)


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """Ordered by commit; events of one job by their sequence."""

    xid: int
    """Id of the transaction that wrote the event."""
    job_id: UUID = _NO_JOB
    sequence: int = 0
    """0 is before every event of the transaction."""

    def __str__(self) -> str:
        return f"{self.xid}.{self.job_id.hex}.{self.sequence}"

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Parse a position; None when it is malformed."""
        found = _TEXT.fullmatch(text)
        if found is None:
            return None
        xid, sequence = int(found[1]), int(found[3])
        if xid >= 2**64 or sequence >= 2**63:
            return None
        return cls(xid, UUID(hex=found[2]), sequence)
