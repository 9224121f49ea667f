"""Doors of the budgets of keys, which owners set, and of all budgets, which admins set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixel_errors import NotFound, Violation

from pixel_gateway.adapters.inbound.http import money_bodies as bodies
from pixel_gateway.adapters.inbound.http.doors import Answer, Call, Door, Parameter, require_id
from pixel_gateway.adapters.inbound.http.errors import InvalidRequest
from pixel_gateway.adapters.inbound.http.reply import Reply, json_reply
from pixel_gateway.adapters.inbound.http.shown import shown
from pixel_gateway.domain.access import Access
from pixel_gateway.domain.billing import Budget, BudgetNotFound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pixel_gateway.application import Application

PERIODS = ("day", "month", "total")
SCOPES = ("key", "user", "provider", "platform")
_SUBJECT_PREFIX = {"key": "key", "user": "usr"}
_ID_CHARS = 32


def doors(app: Application) -> list[Door]:
    """Return the doors of this group."""
    return [*_key_doors(app), *_admin_doors(app)]


def _key_doors(app: Application) -> list[Door]:
    async def look(call: Call) -> Reply:
        call.query()
        return _list(await app.engine.list_key_budgets(call.user_id, call.id_in_path("key")))

    async def put(call: Call) -> Reply:
        body = await call.json(bodies.PutKeyBudget)
        key_id = call.id_in_path("key")
        await app.engine.refuse_limited_key(call.api_key_id)
        budget = await app.engine.put_key_budget(call.user_id, key_id, body.period, body.limit_credits)
        return json_reply(_view(budget))

    async def delete(call: Call) -> Reply:
        period = call.query("period").word("period", PERIODS, default="")
        await app.engine.refuse_limited_key(call.api_key_id)
        return _list(await app.engine.delete_key_budget(call.user_id, call.id_in_path("key"), period))

    path = "/api/keys/{id:str}/budget"
    return [
        Door(
            "GET",
            path,
            look,
            "The budgets of a key",
            {200: Answer("One for each period that has one.", bodies.BudgetList)},
            tag="account",
        ),
        Door(
            "PUT",
            path,
            put,
            "Limit what a key may spend",
            {200: Answer("The budget of the period.", bodies.BudgetView)},
            description="What the key holds and spends in a period stays within it: a submission that would exceed "
            "it is refused with BUDGET_EXHAUSTED, whatever runs beside it. A key that has a budget changes none.",
            tag="account",
            problems={403: "KEY_HAS_BUDGET: ask with a key that has none."},
            body=bodies.PutKeyBudget,
            body_example={"period": "day", "limitCredits": 100},
        ),
        Door(
            "DELETE",
            path,
            delete,
            "Remove the budgets of a key",
            {200: Answer("Those that were removed.", bodies.BudgetList)},
            tag="account",
            problems={403: "KEY_HAS_BUDGET: ask with a key that has none."},
            parameters=(Parameter("period", "Only that of this period.", {"type": "string", "enum": [*PERIODS]}),),
        ),
    ]


def _admin_doors(app: Application) -> list[Door]:
    budgets = app.engine.ports.budgets

    async def page(call: Call) -> Reply:
        query = call.query("scope", "subject")
        return _list(await budgets.of(query.word("scope", SCOPES, default=""), query.text("subject", max_length=64)))

    async def put(call: Call) -> Reply:
        budget = _budget_of(await call.json(bodies.PutBudget))
        return json_reply(_view(await budgets.put(budget, call.user_id)))

    async def delete(call: Call) -> Reply:
        call.query()
        budget_id = str(call.scope["path_params"]["id"])
        if len(budget_id) != _ID_CHARS or not set(budget_id) <= set("0123456789abcdef"):
            raise BudgetNotFound
        await budgets.delete(budget_id, call.user_id)
        return Reply(204, b"", [(b"cache-control", b"no-store")])

    return [
        Door(
            "GET",
            "/api/admin/budgets",
            page,
            "List budgets",
            {200: Answer("By scope and subject, at most 1,000.", bodies.BudgetList)},
            access=Access.ADMIN,
            tag="admin",
            parameters=(
                Parameter("scope", "Only this scope.", {"type": "string", "enum": [*SCOPES]}),
                Parameter("subject", "Only this key, user or provider."),
            ),
        ),
        Door(
            "PUT",
            "/api/admin/budgets",
            put,
            "Create or change a budget",
            {200: Answer("The budget of the scope, subject, period and unit.", bodies.BudgetView)},
            access=Access.ADMIN,
            tag="admin",
            body=bodies.PutBudget,
            body_example={
                "scope": "provider",
                "subject": "gemini",
                "period": "month",
                "unit": "usd_micros",
                "limit": 200_000_000,
            },
        ),
        Door(
            "DELETE",
            "/api/admin/budgets/{id:str}",
            delete,
            "Remove a budget",
            {204: Answer("It is gone.")},
            access=Access.ADMIN,
            tag="admin",
        ),
    ]


def _budget_of(body: bodies.PutBudget) -> Budget:
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


def _view(budget: Budget) -> bodies.BudgetView:
    return shown(budget, bodies.BudgetView)


def _list(budgets: Sequence[Budget]) -> Reply:
    return json_reply(bodies.BudgetList([_view(budget) for budget in budgets]))
