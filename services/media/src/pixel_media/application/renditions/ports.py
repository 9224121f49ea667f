"""Port: the decoder of images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pixel_media.domain.renditions.rendering import Rendering
    from pixel_media.domain.renditions.rendition import ImageFormat


class Renderer(Protocol):
    """Decodes untrusted images in isolation."""

    async def render(self, data: bytes, image_format: ImageFormat) -> Rendering:
        """Decode the whole image and make its renditions; deterministic.

        Raises UnsupportedImage, BrokenImage, ImageTooLarge or ImageTooCostly.
        """
