"""Endpoints of admins on all budgets."""

from __future__ import annotations

from litestar import Controller
from pixel_errors import NotFound, Violation

from pixel_gateway.adapters.inbound.http.api.accounts.presenters import budget_list, budget_view
from pixel_gateway.adapters.inbound.http.api.accounts.schemas import BudgetList, BudgetView
from pixel_gateway.adapters.inbound.http.api.admin.money_schemas import PutBudget
from pixel_gateway.adapters.inbound.http.routing.endpoint import JsonBody, delete, get, put
from pixel_gateway.adapters.inbound.http.routing.errors import InvalidRequest
from pixel_gateway.adapters.inbound.http.routing.parameters import IdInPath, text, word
from pixel_gateway.adapters.inbound.http.routing.request import Request, require_id
from pixel_gateway.domain.access import Access
from pixel_gateway.domain.billing import Budget, BudgetNotFound
from pixel_gateway.domain.rate_limit import LoadClass

_SCOPE = word("scope", "Only this scope.", ("key", "user", "provider", "platform"))
_SUBJECT = text("subject", "Only this key, user or provider.", max_length=64)
_SUBJECT_PREFIX = {"key": "key", "user": "usr"}
_ID_CHARS = 32


class AdminBudgets(Controller):
    """Budgets of keys, users, providers and the platform."""

    tags = ("admin",)

    @get(
        "/api/admin/budgets",
        access=Access.ADMIN,
        load_class=LoadClass.CRITICAL,
        summary="List budgets",
        answer="By scope and subject, at most 1,000.",
        parameters=(_SCOPE, _SUBJECT),
    )
    async def list_budgets(self, request: Request) -> BudgetList:
        query = request.query
        return budget_list(await request.application.billing.list_budgets(query[_SCOPE], query[_SUBJECT]))

    @put(
        "/api/admin/budgets",
        access=Access.ADMIN,
        load_class=LoadClass.CRITICAL,
        summary="Create or change a budget",
        answer="The budget of the scope, subject, period and unit.",
        ignores_query=True,
        example={
            "scope": "provider",
            "subject": "gemini",
            "period": "month",
            "unit": "usd_micros",
            "limit": 200_000_000,
        },
    )
    async def put_budget(self, request: Request, data: JsonBody[PutBudget]) -> BudgetView:
        return budget_view(await request.application.billing.put_budget(_budget_of(data), request.user_id))

    @delete(
        "/api/admin/budgets/{id:str}",
        access=Access.ADMIN,
        load_class=LoadClass.CRITICAL,
        status=204,
        summary="Delete a budget",
        answer="The budget is deleted.",
    )
    async def delete_budget(self, request: Request, budget_id: IdInPath) -> None:
        if len(budget_id) != _ID_CHARS or not set(budget_id) <= set("0123456789abcdef"):
            raise BudgetNotFound
        await request.application.billing.delete_budget(budget_id, request.user_id)


def _budget_of(body: PutBudget) -> Budget:
    if (body.scope == "platform") is not (body.subject == ""):
        message = "has to be empty for the platform and given for every other scope"
        raise InvalidRequest(f"subject {message}.", violations=(Violation("subject", message),))
    if prefix := _SUBJECT_PREFIX.get(body.scope):
        try:
            require_id(prefix, body.subject)
        except NotFound:
            message = f"has to be a {prefix}_ id"
            raise InvalidRequest(f"subject {message}.", violations=(Violation("subject", message),)) from None
    return Budget(
        id="",
        scope=body.scope,
        subject=body.subject,
        period=body.period,
        unit=body.unit,
        limit_amount=body.limit,
    )
