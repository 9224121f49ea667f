"""The role `serve`: answers RPCs."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from pixel.generation.v1.billing_service_pb2_grpc import add_BillingServiceServicer_to_server
from pixel.generation.v1.generations_service_pb2_grpc import add_GenerationsServiceServicer_to_server
from pixel.generation.v1.operations_service_pb2_grpc import add_OperationsServiceServicer_to_server
from pixel_rpc import RpcServer

from pixel_generation.adapters.inbound.grpc.billing.servicer import BillingServicer
from pixel_generation.adapters.inbound.grpc.generations.servicer import GenerationsServicer
from pixel_generation.adapters.inbound.grpc.operations.servicer import OperationsServicer
from pixel_generation.application import Application
from pixel_generation.application.billing.billing import Billing
from pixel_generation.application.billing.read_statement import StatementReader
from pixel_generation.application.maintenance.reconcile_ledger import reconcile_ledger
from pixel_generation.application.maintenance.sweep_jobs import sweep_jobs
from pixel_generation.application.operations.failed_jobs import FailedJobs
from pixel_generation.application.operations.operate_queue import QueueOperator
from pixel_generation.application.operations.operations import Operations
from pixel_generation.application.operations.read_statistics import read_statistics
from pixel_generation.application.reading.read_generations import GenerationReader
from pixel_generation.application.submission.cancel import CancelTools, cancel_generations
from pixel_generation.application.submission.new_job import JobLimits
from pixel_generation.application.submission.queue_capacity import QueueCapacity
from pixel_generation.application.submission.quote import quote_generation
from pixel_generation.application.submission.resubmissions import Resubmissions
from pixel_generation.application.submission.retry import RetryTools, retry_generations
from pixel_generation.application.submission.start_estimates import StartEstimates
from pixel_generation.application.submission.submit import submit_generations
from pixel_generation.wiring.kinds import MESSAGES
from pixel_generation.wiring.relay import sweep_tools
from pixel_generation.wiring.work import queue_slots

if TYPE_CHECKING:
    import grpc.aio
    from pixel_runtime.service import Part, Service

    from pixel_generation.settings import Settings
    from pixel_generation.wiring.adapters import Adapters

SERVICES = (
    "pixel.generation.v1.GenerationsService",
    "pixel.generation.v1.BillingService",
    "pixel.generation.v1.OperationsService",
)


def serve_parts(settings: Settings, adapters: Adapters, service: Service) -> list[Part]:
    max_wait = timedelta(seconds=settings.queue_timeout_s)
    resubmissions = Resubmissions(
        adapters.submissions, adapters.catalogue, adapters.clock, adapters.submission_metrics, max_wait=max_wait
    )
    statement = StatementReader(adapters.statements, adapters.clock)
    app = application_of(settings, adapters, resubmissions, statement)
    billing = Billing(
        ledger=adapters.ledger,
        corrections=adapters.ledger,
        promotions=adapters.promotions,
        accounts=adapters.accounts,
        budgets=adapters.budgets,
    )
    reconcile = partial(reconcile_ledger, rules=adapters.ledger_rules, observer=adapters.ledger_metrics)
    operations = operations_of(settings, adapters, resubmissions)

    def register(server: grpc.aio.Server) -> None:
        add_GenerationsServiceServicer_to_server(GenerationsServicer(app, MESSAGES), server)
        add_BillingServiceServicer_to_server(BillingServicer(billing, statement, reconcile), server)
        add_OperationsServiceServicer_to_server(OperationsServicer(operations), server)

    return [RpcServer("generation-grpc", settings.grpc_address, register, services=SERVICES, ready=service.ready)]


def application_of(
    settings: Settings,
    adapters: Adapters,
    resubmissions: Resubmissions,
    statement: StatementReader,
) -> Application:
    starts = StartEstimates(
        adapters.queue_snapshots,
        adapters.catalogue,
        slots=settings.max_concurrent_generations,
        queue_slots=queue_slots(settings),
    )
    capacity = QueueCapacity(adapters.queue_counts)
    max_wait = timedelta(seconds=settings.queue_timeout_s)
    cancelling = CancelTools(
        adapters.all_jobs, adapters.jobs, adapters.clock, adapters.job_metrics, adapters.engine_metrics
    )
    retrying = RetryTools(adapters.all_jobs, resubmissions, adapters.actions, adapters.clock, adapters.randomness)
    return Application(
        submit_generations=partial(
            submit_generations,
            catalogue=adapters.catalogue,
            submissions=adapters.submissions,
            clock=adapters.clock,
            randomness=adapters.randomness,
            observer=adapters.submission_metrics,
            starts=starts,
            capacity=capacity,
            max_wait=max_wait,
            max_retries=settings.generation_max_retries,
        ),
        generations=GenerationReader(adapters.queries, starts, adapters.clock),
        catalogue=adapters.catalogue,
        receipt=statement.receipt,
        quote_generation=partial(
            quote_generation,
            dry_runs=adapters.dry_runs,
            catalogue=adapters.catalogue,
            starts=starts,
            capacity=capacity,
            clock=adapters.clock,
            randomness=adapters.randomness,
            limits=JobLimits(max_wait, settings.generation_max_retries),
        ),
        cancel_generations=partial(cancel_generations, tools=cancelling),
        retry_generations=partial(retry_generations, tools=retrying),
    )


def operations_of(settings: Settings, adapters: Adapters, resubmissions: Resubmissions) -> Operations:
    return Operations(
        queue=QueueOperator(
            adapters.queues,
            signal_queues=adapters.housekeeping.signal_queues,
            sweep=partial(sweep_jobs, tools=sweep_tools(settings, adapters)),
        ),
        failures=FailedJobs(
            adapters.failures,
            adapters.actions,
            adapters.all_jobs,
            resubmissions,
            adapters.clock,
            adapters.randomness,
        ),
        statistics=partial(read_statistics, statistics=adapters.statistics, clock=adapters.clock),
        actions=adapters.actions,
    )
