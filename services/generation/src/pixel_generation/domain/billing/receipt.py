"""The receipt of a generation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from pixel_generation.domain.jobs.attempt import AttemptReceipt
    from pixel_generation.domain.jobs.job import Status


@dataclass(frozen=True, slots=True)
class RoundReceipt:
    """Amounts of one round."""

    round: int
    held: int
    captured: int
    released: int
    refunded: int

    @property
    def settled(self) -> bool:
        """Whether the whole hold was captured or released."""
        return self.held == self.captured + self.released


@dataclass(frozen=True, slots=True)
class Receipt:
    """The cost of one generation, from the ledger and its runs."""

    job_id: UUID
    status: Status
    quoted: int
    price_id: str
    requested_units: int
    delivered_units: int
    rounds: tuple[RoundReceipt, ...]
    attempts: tuple[AttemptReceipt, ...]

    @property
    def credits_per_unit(self) -> int:
        return self.quoted // self.requested_units

    @property
    def charged(self) -> int:
        """Credits captured and not refunded, over all rounds."""
        return sum(one.captured - one.refunded for one in self.rounds)

    @property
    def provider_cost_usd_micros(self) -> int | None:
        return provider_cost_usd_micros(self.attempts)


def provider_cost_usd_micros(attempts: Iterable[AttemptReceipt]) -> int | None:
    """Sum the cost of the runs with a provider call; None when one of them is unknown."""
    total = 0
    for attempt in attempts:
        if not attempt.called:
            continue
        if attempt.cost_usd_micros is None:
            return None
        total += attempt.cost_usd_micros
    return total
