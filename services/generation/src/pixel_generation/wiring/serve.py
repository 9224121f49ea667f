"""The role `serve`: answers RPCs."""

from __future__ import annotations

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
from pixel_generation.application.submission.resubmissions import ResubmitTools, resubmit_jobs
from pixel_generation.wiring.serve_billing import bind_billing
from pixel_generation.wiring.serve_generations import bind_generations, max_wait
from pixel_generation.wiring.serve_operations import bind_operations

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
    app = bind_application(settings, adapters)

    def register(server: grpc.aio.Server) -> None:
        add_GenerationsServiceServicer_to_server(GenerationsServicer(app, adapters.messages), server)
        add_BillingServiceServicer_to_server(BillingServicer(app), server)
        add_OperationsServiceServicer_to_server(OperationsServicer(app), server)

    return [RpcServer("generation-grpc", settings.grpc_address, register, services=SERVICES, ready=service.ready)]


def bind_application(settings: Settings, adapters: Adapters) -> Application:
    """Return the use cases with their ports bound."""
    tools = ResubmitTools(
        adapters.submissions, adapters.catalogue, adapters.clock, adapters.submission_metrics, max_wait(settings)
    )
    resubmit = partial(resubmit_jobs, tools=tools)
    return Application(
        generations=bind_generations(settings, adapters, resubmit),
        billing=bind_billing(adapters),
        operations=bind_operations(settings, adapters, resubmit),
    )
