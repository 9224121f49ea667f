"""The role `relay`: publishes outbox events and runs periodic duties."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from pixel_events import Bus, OutboxRelay

from pixel_generation.adapters.inbound.duty_loops import duty_loop, nightly_loop
from pixel_generation.application.maintenance.duty import Duty, parse_intervals, run_duty
from pixel_generation.application.maintenance.reconcile_ledger import seconds_until_night
from pixel_generation.wiring.duties import reconcile_every_night, start_scheduled, sweep_duties, watch_all_budgets

if TYPE_CHECKING:
    from pixel_runtime.service import Part

    from pixel_generation.settings import Settings
    from pixel_generation.wiring.adapters import Adapters

BUDGETS_LOOK_S = 30.0


def relay_parts(settings: Settings, adapters: Adapters, bus: Bus) -> list[Part]:
    do = partial(run_duty, leadership=adapters.leadership, observer=adapters.duty_metrics)
    intervals = parse_intervals(settings.duty_intervals)

    def loop(duty: Duty, interval_s: float, after_s: float = 0.0) -> Part:
        return duty_loop(duty, do, intervals.pop(duty.name, interval_s), after_s=after_s)

    sweep, sweep_s = sweep_duties(settings, adapters), settings.sweep_interval_s
    parts: list[Part] = [
        OutboxRelay(adapters.pool, bus, source="/generation"),
        # Spread over the interval, so that they do not request connections all at once.
        *(loop(duty, sweep_s, sweep_s * place / len(sweep)) for place, duty in enumerate(sweep)),
        loop(start_scheduled(adapters), settings.hold_interval_s),
        loop(watch_all_budgets(adapters), BUDGETS_LOOK_S),
        nightly_loop(reconcile_every_night(adapters), do, lambda: seconds_until_night(adapters.clock.now())),
    ]
    if intervals:
        raise ValueError(f"no duty with an interval is called {', '.join(intervals)}")
    return parts
