"""What a job delivers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Output:
    """One thing that a job delivered and media has stored."""

    asset_id: UUID
    index: int
    """Its place among the outputs; one that is delivered again takes the place of the one before."""
    content_type: str
    size_bytes: int
    units: int = 1
    """How much of what was asked for it is."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What its kind says of it beside, for example its width and height."""

    def as_dict(self) -> dict[str, Any]:
        """Return it as it is stored: flat, and without units where it is one."""
        units = {} if self.units == 1 else {"units": self.units}
        return {
            "asset_id": self.asset_id.hex,
            "index": self.index,
            "content_type": self.content_type,
            "size_bytes": self.size_bytes,
            **units,
            **self.facts,
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Output:
        """Read it as it is stored."""
        facts = dict(stored)
        return cls(
            asset_id=UUID(facts.pop("asset_id")),
            index=facts.pop("index"),
            content_type=facts.pop("content_type"),
            size_bytes=facts.pop("size_bytes"),
            units=facts.pop("units", 1),
            facts=facts,
        )
