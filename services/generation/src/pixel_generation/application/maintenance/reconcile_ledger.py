"""Checks the ledger, on demand and every night."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pixel_generation.application.maintenance.ports import LedgerObserver, LedgerRules, RuleResult

log = logging.getLogger(__name__)

NIGHT_HOUR = 3
"""UTC."""


async def reconcile_ledger(*, rules: LedgerRules, observer: LedgerObserver) -> list[RuleResult]:
    """Run every rule; count and log violations."""
    results = await rules.check()
    for result in results:
        observer.checked(result.name, result.violations)
        if result.violations:
            log.error(
                "ledger_violated",
                extra={"rule": result.name, "violations": result.violations, "examples": list(result.examples)},
            )
    return results


async def reconcile_as_leader(*, rules: LedgerRules, observer: LedgerObserver) -> int:
    """Run the rules unless another process does."""
    async with rules.lead() as leading:
        if leading:
            await reconcile_ledger(rules=rules, observer=observer)
    return 0


def seconds_until_night(now: datetime) -> float:
    """Return the seconds until the next 03:00 UTC, more than 0."""
    tonight = now.astimezone(UTC).replace(hour=NIGHT_HOUR, minute=0, second=0, microsecond=0)
    if tonight <= now:
        tonight += timedelta(days=1)
    return (tonight - now).total_seconds()
