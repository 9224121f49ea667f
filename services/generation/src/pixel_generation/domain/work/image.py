"""What a user asks for."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, fields
from typing import Any

MAX_PROMPT_BYTES = 16_384


@dataclass(frozen=True, slots=True)
class ImageWork:
    """A request for pictures; empty words mean the default of the model."""

    prompt: str
    model: str = ""
    number_of_images: int = 1
    style: str = ""
    quality: str = ""
    aspect_ratio: str = ""
    size: str = ""
    custom_prompt: str = ""
    seed: int | None = None
    private: bool = False
    parameters: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return the fields by name."""
        return {name: getattr(self, name) for name in _FIELDS}

    def fingerprint(self) -> bytes:
        """Digest of the request as it was sent; equal requests under one idempotency key have equal digests."""
        text = json.dumps(self.as_dict(), sort_keys=True, separators=(",", ":"), default=str)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


_FIELDS = tuple(spec_field.name for spec_field in fields(ImageWork))
