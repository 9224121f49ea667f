"""Doors of the caller's own account: who it is, its credits, its keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixel_gateway.adapters.inbound.http import bodies
from pixel_gateway.adapters.inbound.http.doors import Answer, Call, Door
from pixel_gateway.adapters.inbound.http.reply import Reply, json_reply
from pixel_gateway.application.accounts.api_keys import CreateApiKey, RevokeApiKey
from pixel_gateway.domain.api_key import KeyRefused

if TYPE_CHECKING:
    from pixel_gateway.application import Application
    from pixel_gateway.domain.api_key import ApiKey


def doors(app: Application) -> list[Door]:
    """Return the doors of this group."""

    async def me(call: Call) -> Reply:
        call.query()
        account = await app.ports.accounts.get(call.user_id)
        if account is None:
            raise KeyRefused("The account of this key is gone.")
        balance = await app.ports.billing.balance(call.user_id)
        credits_view = bodies.Credits(available=balance.available_credits, held=balance.held_credits)
        view = bodies.Me(id=account.id, username=account.username, created_at=account.create_time, credits=credits_view)
        return json_reply(view)

    async def create_key(call: Call) -> Reply:
        body = await call.json(bodies.CreateKey)
        await app.engine.refuse_limited_key(call.api_key_id)
        key, secret = await app.create_api_key(CreateApiKey(user_id=call.user_id, name=body.name))
        view = bodies.CreatedKey(key=_key_view(key), secret=secret)
        return json_reply(view, status=201, headers=[(b"location", f"{call.base_url}/api/keys/{key.id}".encode())])

    async def list_keys(call: Call) -> Reply:
        call.query()
        items = [_key_view(key) for key in await app.ports.keys.of_account(call.user_id)]
        return json_reply(bodies.KeyPage(items=items, next_cursor=None))

    async def revoke_key(call: Call) -> Reply:
        command = RevokeApiKey(user_id=call.user_id, key_id=call.id_in_path("key"))
        return json_reply(_key_view(await app.revoke_api_key(command)))

    return [
        Door("GET", "/api/me", me, "Who you are and your credits", {200: Answer("You.", bodies.Me)}, tag="account"),
        Door(
            "POST",
            "/api/keys",
            create_key,
            "Make an API key",
            {201: Answer("The key with its secret, which is not shown again.", bodies.CreatedKey)},
            tag="account",
            body=bodies.CreateKey,
            body_example={"name": "laptop"},
            problems={403: "KEY_HAS_BUDGET: a key with a budget makes no keys without one."},
        ),
        Door(
            "GET",
            "/api/keys",
            list_keys,
            "List your API keys",
            {200: Answer("Newest first, without secrets.", bodies.KeyPage)},
            tag="account",
        ),
        Door(
            "DELETE",
            "/api/keys/{id:str}",
            revoke_key,
            "Revoke an API key",
            {200: Answer("The key, which stops working within 5 seconds everywhere.", bodies.KeyView)},
            tag="account",
        ),
    ]


def _key_view(key: ApiKey) -> bodies.KeyView:
    return bodies.KeyView(
        id=key.id,
        name=key.name,
        prefix=key.prefix,
        created_at=key.create_time,
        last_used_at=key.last_use_time,
        revoked_at=key.revoke_time,
    )
