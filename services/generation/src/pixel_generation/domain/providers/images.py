"""The port of image providers and their errors."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from pixel_errors import PixelError


class Outcome(StrEnum):
    """Whether the provider accepted the request; only NOT_SENT may be repeated without a check."""

    SENT = "sent"
    NOT_SENT = "not_sent"
    UNKNOWN = "unknown"


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
    """Seed of the first picture; picture i uses seed + i. Providers without seeds ignore it."""
    end_user: str = ""
    """Stable pseudonym of the user for the provider's abuse monitoring."""
    timeout_s: float = 300.0
    parameters: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ProducedImage:
    """One picture as the provider returned it; the bytes are not trusted."""

    index: int
    data: bytes
    content_type: str
    seed: int | None = None
    provider_request_id: str = ""
    cost_usd_micros: int | None = None
    """Provider's price of this picture in millionths of a US dollar; None when unknown."""


class ProviderError(PixelError):
    """The provider did not deliver."""

    kind = "unavailable"
    reason = "PROVIDER_FAILED"

    def __init__(
        self,
        detail: str,
        *,
        code: str,
        outcome: Outcome,
        retryable: bool,
        retry_after_s: float | None = None,
        provider_request_id: str = "",
    ) -> None:
        """`code` becomes `failure.code`: provider_unavailable, provider_rate_limited, provider_rejected, blocked …"""
        super().__init__(detail, reason=code.upper(), retry_after_s=retry_after_s)
        self.failure_code = code
        self.outcome = outcome
        self.retryable = retryable
        self.provider_request_id = provider_request_id
