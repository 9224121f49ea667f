"""The role `relay`: publishes outbox events and runs periodic duties."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from pixel_events import Bus, OutboxRelay
from pixel_runtime import every
from pixel_runtime.loop import pause
from pixel_runtime.service import Loop, Part

from pixel_generation.adapters.metrics import BudgetMetrics
from pixel_generation.application.maintenance.reconcile_ledger import nightly, reconcile_as_leader
from pixel_generation.application.maintenance.sweep_jobs import SweepTools, end_due_holds, sweep_jobs
from pixel_generation.application.maintenance.watch_budgets import watch_budgets
from pixel_generation.domain.jobs.recovery import RetryPolicy
from pixel_generation.wiring.providers import lookups_of

if TYPE_CHECKING:
    from pixel_generation.settings import Settings
    from pixel_generation.wiring.adapters import Adapters

BUDGETS_LOOK_S = 30.0


def relay_parts(settings: Settings, adapters: Adapters, bus: Bus) -> list[Part]:
    sweep = every(settings.sweep_interval_s, partial(sweep_jobs, tools=sweep_tools(settings, adapters)))
    holds = every(
        settings.hold_interval_s,
        partial(end_due_holds, queue_holds=adapters.queue_holds, observer=adapters.engine_metrics),
    )
    budgets = every(BUDGETS_LOOK_S, partial(watch_budgets, budgets=adapters.budgets, observer=BudgetMetrics()))
    prove = partial(reconcile_as_leader, rules=adapters.ledger_rules, observer=adapters.ledger_metrics)
    return [
        OutboxRelay(adapters.pool, bus, source="/generation"),
        Loop("generation-sweep", sweep),
        Loop("generation-holds", holds),
        Loop("generation-reconcile", nightly(prove, adapters.clock, pause)),
        Loop("generation-budgets", budgets),
    ]


def sweep_tools(settings: Settings, adapters: Adapters) -> SweepTools:
    return SweepTools(
        jobs=adapters.jobs,
        housekeeping=adapters.housekeeping,
        catalogue=adapters.catalogue,
        runners=adapters.runners,
        clock=adapters.clock,
        observer=adapters.job_metrics,
        policy=RetryPolicy(reconcile_for_s=settings.reconcile_for_s),
        queue_holds=adapters.queue_holds,
        calls=adapters.jobs,
        engine_observer=adapters.engine_metrics,
        lookups=lookups_of(adapters.providers),
        archive_after=timedelta(days=settings.archive_after_days),
    )
