"""Outputs of a job."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Output:
    """One output, stored in media."""

    asset_id: UUID
    index: int
    """Index of the output; an output delivered again replaces the earlier one."""
    content_type: str
    size_bytes: int
    units: int = 1
    """Units of this output."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Attributes of its kind, for example width and height."""

    def as_dict(self) -> dict[str, Any]:
        """Return the stored form: flat, without units when it is one."""
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
        """Parse the stored form."""
        facts = dict(stored)
        return cls(
            asset_id=UUID(facts.pop("asset_id")),
            index=facts.pop("index"),
            content_type=facts.pop("content_type"),
            size_bytes=facts.pop("size_bytes"),
            units=facts.pop("units", 1),
            facts=facts,
        )
