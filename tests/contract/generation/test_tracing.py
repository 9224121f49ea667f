"""A run in its trace, and one without."""

from __future__ import annotations

import pytest
from pixel_generation.adapters.outbound.tracing import TelemetryTracing
from pixel_generation.application.execution.ports import Tracing

from tests.contract.generation.conftest import fake_store
from tests.fakes.generation import a_user
from tests.fakes.generation_neighbours import FakeTracing

CONTRACTS = {Tracing: (FakeTracing, TelemetryTracing)}


@pytest.mark.parametrize("tracing", [FakeTracing(), TelemetryTracing()], ids=["fake", "telemetry"])
def test_the_block_runs_once_and_its_error_is_raised(tracing: Tracing) -> None:
    job, runs = fake_store().new(a_user()).job, []

    def run(*, fails: bool) -> None:
        with tracing.running(job):
            runs.append(job.id)
            if fails:
                raise ValueError("from the run")

    run(fails=False)
    with pytest.raises(ValueError, match="from the run"):
        run(fails=True)
    assert runs == [job.id, job.id]
