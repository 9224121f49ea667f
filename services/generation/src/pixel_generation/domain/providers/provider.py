"""What every provider is, whatever it can do, and how its trouble is told.

A port by capability stands in a file of its own beside this one, with what it is asked and what it gives. Work that
takes minutes on the provider's side is asked for in three calls: submit, which gives the id of its task, poll, cancel.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from pixel_errors import PixelError


class Provider(Protocol):
    """A party that does work for us. What it can do is declared as data."""

    capabilities: frozenset[str]
    """Names of the ports that it serves."""
    repeatable: bool
    """A second call for the same request costs nothing and gives the same bytes."""

    async def close(self) -> None:
        """Let go of connections and threads."""


class Outcome(StrEnum):
    """Whether the provider took the request; only NOT_SENT may be repeated blindly."""

    SENT = "sent"
    NOT_SENT = "not_sent"
    UNKNOWN = "unknown"


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
        """Take `code` for `failure.code`: provider_unavailable, provider_rate_limited, provider_rejected, blocked …"""
        super().__init__(detail, reason=code.upper(), retry_after_s=retry_after_s)
        self.failure_code = code
        self.outcome = outcome
        self.retryable = retryable
        self.provider_request_id = provider_request_id
