"""An asset: one image of a user, and its stored renditions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pixel_errors import Violation
from pixel_limits.media import STORE_ASSET_HEADER_SIZE_BYTES_LTE as MAX_BYTES

from pixel_media.domain.errors import AssetConflict, AssetInvalid, ImageTooLarge

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from pixel_media.domain.renditions.rendition import Rendition

MAX_TAGS = 20
MAX_TAG_LENGTH = 64

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class AssetFacts:
    """Metadata of an asset sent before its bytes: its owner, size and hash."""

    id: UUID
    user_id: UUID
    sha256: str
    size_bytes: int
    generation_id: UUID | None = None
    tags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.size_bytes > MAX_BYTES:
            raise ImageTooLarge(f"An image has at most {MAX_BYTES} bytes.", metadata={"max_bytes": str(MAX_BYTES)})
        violations = tuple(self._violations())
        if violations:
            raise AssetInvalid(violations=violations)

    def _violations(self) -> list[Violation]:
        found = []
        if not _SHA256.fullmatch(self.sha256):
            found.append(Violation("sha256", "64 lower-case hex digits"))
        if self.size_bytes < 1:
            found.append(Violation("size_bytes", f"1..{MAX_BYTES}"))
        if len(self.tags) > MAX_TAGS or not all(_is_tag(tag) for tag in self.tags):
            found.append(Violation("tags", f"at most {MAX_TAGS} words of 1..{MAX_TAG_LENGTH} printable characters"))
        return found


@dataclass(frozen=True)
class Asset:
    """A stored image: every rendition exists and was verified."""

    facts: AssetFacts
    renditions: tuple[Rendition, ...]
    stored_at: datetime

    def require_same(self, facts: AssetFacts) -> None:
        """Raise AssetConflict unless this metadata matches the stored asset."""
        if (facts.sha256, facts.user_id) != (self.facts.sha256, self.facts.user_id):
            raise AssetConflict


def _is_tag(tag: str) -> bool:
    return 1 <= len(tag) <= MAX_TAG_LENGTH and tag.isprintable()
