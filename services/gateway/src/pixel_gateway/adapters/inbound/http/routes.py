"""The list of every endpoint. Properties of an endpoint are declared at the endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixel_gateway.adapters.inbound.http.api.accounts.routes import Accounts
from pixel_gateway.adapters.inbound.http.api.admin.account_routes import AdminAccounts
from pixel_gateway.adapters.inbound.http.api.admin.budget_routes import AdminBudgets
from pixel_gateway.adapters.inbound.http.api.admin.promotion_routes import AdminPromotions
from pixel_gateway.adapters.inbound.http.api.admin.queue_routes import AdminQueues
from pixel_gateway.adapters.inbound.http.api.admin.work_routes import AdminWork
from pixel_gateway.adapters.inbound.http.api.billing.routes import Billing
from pixel_gateway.adapters.inbound.http.api.documentation.routes import Documentation
from pixel_gateway.adapters.inbound.http.api.generations.change_routes import GenerationChanges
from pixel_gateway.adapters.inbound.http.api.generations.routes import Generations
from pixel_gateway.adapters.inbound.http.api.images.routes import Images
from pixel_gateway.adapters.inbound.http.api.models.routes import Models
from pixel_gateway.adapters.inbound.http.api.notifications.routes import Notifications
from pixel_gateway.adapters.inbound.http.api.openai.routes import OpenAI
from pixel_gateway.adapters.inbound.http.api.operation.routes import Operation
from pixel_gateway.adapters.inbound.http.api.queue.routes import Queue
from pixel_gateway.adapters.inbound.http.live.routes import EventStreams, Sockets, Tickets

if TYPE_CHECKING:
    from litestar import Controller

ROUTES: tuple[type[Controller], ...] = (
    Generations,
    GenerationChanges,
    Models,
    Billing,
    Accounts,
    AdminBudgets,
    Queue,
    EventStreams,
    Tickets,
    Sockets,
    Images,
    Notifications,
    OpenAI,
    Operation,
    AdminWork,
    AdminQueues,
    AdminAccounts,
    AdminPromotions,
    Documentation,
)
