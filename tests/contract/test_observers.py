"""Observers only count and return nothing, so there is no behaviour to compare.

Their contract is therefore the shape: every method of the port is there, on the fake and on the metrics of
it, with the same parameters of the same kinds.
"""

from __future__ import annotations

import inspect

import pytest
from pixel_gateway.adapters.load_metrics import LoadMetrics
from pixel_gateway.application.load.admission import AdmissionObserver
from pixel_gateway.application.load.rate_limiting import RateLimitObserver
from pixel_generation.adapters.metrics import (
    BudgetMetrics,
    DutyMetrics,
    EngineMetrics,
    EtaMetrics,
    HealthMetrics,
    JobMetrics,
    LedgerMetrics,
    SubmissionMetrics,
)
from pixel_generation.application.execution.ports import EtaObserver, HealthObserver, JobObserver
from pixel_generation.application.maintenance.ports import (
    BudgetObserver,
    DepthObserver,
    DutyObserver,
    EngineObserver,
    LedgerObserver,
)
from pixel_generation.application.submission.ports import CancelObserver, SubmissionObserver

from tests.contracts import methods_of
from tests.fakes.gateway_load import FakeLoadObserver
from tests.fakes.generation_duties import FakeDutyObserver
from tests.fakes.generation_eta import FakeEtaObserver
from tests.fakes.generation_health import FakeHealthObserver
from tests.fakes.generation_neighbours import FakeEngineObserver, FakeObserver

OBSERVERS: dict[type, tuple[type, ...]] = {
    AdmissionObserver: (FakeLoadObserver, LoadMetrics),
    RateLimitObserver: (FakeLoadObserver, LoadMetrics),
    JobObserver: (FakeObserver, JobMetrics),
    SubmissionObserver: (FakeObserver, SubmissionMetrics),
    EngineObserver: (FakeEngineObserver, EngineMetrics),
    CancelObserver: (FakeEngineObserver, EngineMetrics),
    DepthObserver: (FakeObserver, JobMetrics),
    DutyObserver: (FakeDutyObserver, DutyMetrics),
    HealthObserver: (FakeHealthObserver, HealthMetrics),
    EtaObserver: (FakeEtaObserver, EtaMetrics),
    LedgerObserver: (LedgerMetrics,),
    BudgetObserver: (BudgetMetrics,),
}


def shape(owner: type, method: str) -> list[tuple[str, object, object]]:
    """Return the parameters of a method: their names, kinds and defaults."""
    parameters = inspect.signature(getattr(owner, method)).parameters.values()
    return [(each.name, each.kind, each.default) for each in parameters]


@pytest.mark.parametrize("port", OBSERVERS, ids=lambda port: port.__name__)
def test_fake_and_metrics_have_the_signature_of_the_port(port: type) -> None:
    assert methods_of(port)
    for method in methods_of(port):
        for implementation in OBSERVERS[port]:
            assert shape(implementation, method) == shape(port, method), f"{implementation.__name__}.{method}"
