"""The duties with their ports bound."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from pixel_generation.adapters.metrics import BudgetMetrics
from pixel_generation.application.maintenance.age import age_waiting_jobs
from pixel_generation.application.maintenance.archive import archive_jobs
from pixel_generation.application.maintenance.change_jobs import ChangeTools
from pixel_generation.application.maintenance.duty import Duty
from pixel_generation.application.maintenance.end_unserved import end_unserved_jobs
from pixel_generation.application.maintenance.expire import end_overdue_jobs
from pixel_generation.application.maintenance.look_up import look_up_unknown_calls
from pixel_generation.application.maintenance.measure_depths import measure_queue_depths
from pixel_generation.application.maintenance.purge import purge_old_rows
from pixel_generation.application.maintenance.reconcile_ledger import reconcile_as_leader
from pixel_generation.application.maintenance.release_holds import release_missed_holds, start_scheduled_jobs
from pixel_generation.application.maintenance.rescue import rescue_abandoned_runs
from pixel_generation.application.maintenance.signal_queues import signal_overlooked_queues
from pixel_generation.application.maintenance.watch_budgets import watch_budgets
from pixel_generation.domain.jobs.recovery import RetryPolicy
from pixel_generation.wiring.providers import lookups_of

if TYPE_CHECKING:
    from pixel_generation.settings import Settings
    from pixel_generation.wiring.adapters import Adapters


def change_tools(settings: Settings, adapters: Adapters) -> ChangeTools:
    return ChangeTools(
        jobs=adapters.jobs,
        due=adapters.due_jobs,
        set_aside=adapters.set_aside,
        catalogue=adapters.catalogue,
        runners=adapters.runners,
        clock=adapters.clock,
        policy=RetryPolicy(reconcile_for_s=settings.reconcile_for_s),
        observer=adapters.job_metrics,
        engine_observer=adapters.engine_metrics,
        duty_observer=adapters.duty_metrics,
        lookups=lookups_of(adapters.providers),
    )


def sweep_duties(settings: Settings, adapters: Adapters) -> list[Duty]:
    """Return the duties of the leader, which an operator can also run by hand."""
    tools = change_tools(settings, adapters)
    holds, housekeeping = adapters.queue_holds, adapters.housekeeping
    clock, observer = adapters.clock, adapters.engine_metrics
    old = timedelta(days=settings.archive_after_days)
    return [
        Duty("rescue", partial(rescue_abandoned_runs, tools=tools)),
        Duty("expire", partial(end_overdue_jobs, tools=tools)),
        Duty("look_up", partial(look_up_unknown_calls, tools=tools)),
        Duty("release_holds", partial(release_missed_holds, queue_holds=holds, observer=observer)),
        Duty("age", partial(age_waiting_jobs, queue_holds=holds, observer=observer)),
        Duty("end_unserved", partial(end_unserved_jobs, tools=tools)),
        Duty("signal", partial(signal_overlooked_queues, housekeeping=housekeeping)),
        Duty(
            "purge",
            partial(purge_old_rows, housekeeping=housekeeping, set_aside=adapters.set_aside, clock=clock),
        ),
        Duty(
            "archive",
            partial(archive_jobs, housekeeping=housekeeping, clock=clock, observer=observer, after=old),
        ),
        Duty(
            "measure_depths",
            partial(measure_queue_depths, housekeeping=housekeeping, observer=adapters.job_metrics),
        ),
    ]


def start_scheduled(adapters: Adapters) -> Duty:
    work = partial(start_scheduled_jobs, queue_holds=adapters.queue_holds, observer=adapters.engine_metrics)
    return Duty("start_scheduled", work, needs_lead=False)


def watch_all_budgets(adapters: Adapters) -> Duty:
    work = partial(watch_budgets, budgets=adapters.budgets, observer=BudgetMetrics())
    return Duty("watch_budgets", work, needs_lead=False)


def reconcile_every_night(adapters: Adapters) -> Duty:
    work = partial(reconcile_as_leader, rules=adapters.ledger_rules, observer=adapters.ledger_metrics)
    return Duty("reconcile_ledger", work, needs_lead=False)
