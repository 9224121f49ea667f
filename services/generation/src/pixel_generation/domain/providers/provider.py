"""The common part of all provider ports, and their errors.

Each capability has its port in a separate file beside this one, with its request and its result. Calls that take
minutes at the provider are three: submit, which returns the id of the task, poll, cancel.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from pixel_errors import PixelError


class Provider(Protocol):
    """A provider. Its capabilities are declared as data."""

    capabilities: frozenset[str]
    """Names of the capability ports that it implements."""
    repeatable: bool
    """Whether a second call with the same request is free and returns the same bytes."""

    async def close(self) -> None:
        """Release connections and threads."""


class Outcome(StrEnum):
    """Whether the provider accepted the request; only NOT_SENT may be repeated without a check."""

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
        """`code` becomes `failure.code`: provider_unavailable, provider_rate_limited, provider_rejected, blocked …"""
        super().__init__(detail, reason=code.upper(), retry_after_s=retry_after_s)
        self.failure_code = code
        self.outcome = outcome
        self.retryable = retryable
        self.provider_request_id = provider_request_id
