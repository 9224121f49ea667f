"""The capability text to image: its request, its result, and the port."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from pixel_generation.domain.providers.provider import Provider

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

TEXT_TO_IMAGE = "text_to_image"


@dataclass(frozen=True)
class ImageRequest:
    """One call to a provider, with every option resolved."""

    generation_id: str
    attempt: int
    provider_model: str
    prompt: str
    count: int
    width: int
    height: int
    style: str = ""
    quality: str = ""
    seed: int = 0
    """Seed of the first image; image i uses seed + i. Providers without seeds ignore it."""
    end_user: str = ""
    """Stable pseudonym of the user for the provider's abuse monitoring."""
    timeout_s: float = 300.0
    parameters: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ProducedImage:
    """One image as the provider returned it; the bytes are not trusted."""

    index: int
    data: bytes
    content_type: str
    seed: int | None = None
    provider_request_id: str = ""
    cost_usd_micros: int | None = None
    """Provider's price of this image in millionths of a US dollar; None when unknown."""


@runtime_checkable
class TextToImage(Provider, Protocol):
    """Makes images from a text, in one call."""

    def generate(self, request: ImageRequest) -> AsyncIterator[ProducedImage]:
        """Yield images as they are ready; raise ProviderError."""
