"""Endpoints of the caller's own account: account, keys and their budgets."""

from __future__ import annotations

from litestar import Controller

from pixel_gateway.adapters.inbound.http.api.accounts.presenters import budget_list, budget_view, key_view
from pixel_gateway.adapters.inbound.http.api.accounts.schemas import (
    BudgetList,
    BudgetView,
    CreatedKey,
    CreateKey,
    Credits,
    KeyPage,
    KeyView,
    Me,
    PutKeyBudget,
)
from pixel_gateway.adapters.inbound.http.routing.endpoint import JsonBody, delete, get, post, put
from pixel_gateway.adapters.inbound.http.routing.parameters import IdInPath, word
from pixel_gateway.adapters.inbound.http.routing.request import Request, require_id
from pixel_gateway.adapters.inbound.http.routing.responses import JsonResponse
from pixel_gateway.application.accounts.api_keys import CreateApiKey, RevokeApiKey
from pixel_gateway.domain.api_key import KeyRefused
from pixel_gateway.domain.rate_limit import LoadClass

PERIODS = ("day", "month", "total")
_PERIOD = word("period", "Only the budget of this period.", PERIODS)
_BUDGET_PROBLEMS = {403: "KEY_HAS_BUDGET: use a key without a budget."}


class Accounts(Controller):
    """The caller's account and keys."""

    tags = ("account",)

    @get("/api/me", load_class=LoadClass.READ, summary="Your account and credits", answer="You.")
    async def me(self, request: Request) -> Me:
        account = await request.application.accounts.get(request.user_id)
        if account is None:
            raise KeyRefused("The account of this key does not exist any more.")
        balance = await request.application.billing.get_balance(request.user_id)
        held = Credits(available=balance.available_credits, held=balance.held_credits)
        return Me(id=account.id, username=account.username, created_at=account.create_time, credits=held)

    @post(
        "/api/keys",
        load_class=LoadClass.READ,
        status=201,
        summary="Create an API key",
        answer="The key with its secret, which is not shown again.",
        ignores_query=True,
        example={"name": "laptop"},
        problems={403: "KEY_HAS_BUDGET: a key with a budget cannot create keys without one."},
    )
    async def create_key(self, request: Request, data: JsonBody[CreateKey]) -> JsonResponse[CreatedKey]:
        await request.application.billing.refuse_limited_key(request.auth.key_id)
        key, secret = await request.application.accounts.create_api_key(
            CreateApiKey(user_id=request.user_id, name=data.name)
        )
        headers = {"location": f"{request.public_url}/api/keys/{key.id}"}
        return JsonResponse(CreatedKey(key=key_view(key), secret=secret), headers=headers)

    @get("/api/keys", load_class=LoadClass.READ, summary="List your API keys", answer="Newest first, without secrets.")
    async def list_keys(self, request: Request) -> KeyPage:
        keys = await request.application.accounts.list_api_keys(request.user_id)
        return KeyPage(items=[key_view(key) for key in keys], next_cursor=None)

    @delete(
        "/api/keys/{id:str}",
        load_class=LoadClass.CRITICAL,
        summary="Revoke an API key",
        answer="The key, which stops working within 5 seconds everywhere.",
        ignores_query=True,
    )
    async def revoke_key(self, request: Request, key_id: IdInPath) -> KeyView:
        command = RevokeApiKey(user_id=request.user_id, key_id=require_id("key", key_id))
        return key_view(await request.application.accounts.revoke_api_key(command))

    @get(
        "/api/keys/{id:str}/budget",
        load_class=LoadClass.READ,
        summary="List the budgets of a key",
        answer="The budgets, at most one for each period.",
    )
    async def list_key_budgets(self, request: Request, key_id: IdInPath) -> BudgetList:
        require_id("key", key_id)
        return budget_list(await request.application.billing.list_key_budgets(request.user_id, key_id))

    @put(
        "/api/keys/{id:str}/budget",
        load_class=LoadClass.READ,
        summary="Set a budget of a key",
        answer="The budget of the period.",
        description="What the key holds and spends in a period stays within it: a submission that would exceed "
        "it is refused with BUDGET_EXHAUSTED, also under concurrency. A key that has a budget cannot change one.",
        ignores_query=True,
        example={"period": "day", "limitCredits": 100},
        problems=_BUDGET_PROBLEMS,
    )
    async def put_key_budget(self, request: Request, key_id: IdInPath, data: JsonBody[PutKeyBudget]) -> BudgetView:
        require_id("key", key_id)
        application = request.application
        await application.billing.refuse_limited_key(request.auth.key_id)
        return budget_view(
            await application.billing.put_key_budget(request.user_id, key_id, data.period, data.limit_credits)
        )

    @delete(
        "/api/keys/{id:str}/budget",
        load_class=LoadClass.CRITICAL,
        summary="Delete the budgets of a key",
        answer="The deleted budgets.",
        parameters=(_PERIOD,),
        problems=_BUDGET_PROBLEMS,
    )
    async def delete_key_budget(self, request: Request, key_id: IdInPath) -> BudgetList:
        application, period = request.application, request.query[_PERIOD]
        await application.billing.refuse_limited_key(request.auth.key_id)
        require_id("key", key_id)
        return budget_list(await application.billing.delete_key_budget(request.user_id, key_id, period))
