"""The result of decoding an image: its size and renditions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pixel_media.domain.renditions.rendition import RenditionKind


@dataclass(frozen=True)
class Derived:
    """A rendition: WebP, upright, without metadata; width and height in pixels."""

    kind: RenditionKind
    data: bytes
    width: int
    height: int


@dataclass(frozen=True)
class Rendering:
    """A decoded image; width and height of the original in pixels after rotation."""

    width: int
    height: int
    derived: tuple[Derived, ...]
