"""AccountsService: accounts and keys, for operators and the studio command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.protobuf.timestamp_pb2 import Timestamp
from pixel.gateway.v1 import accounts_service_pb2 as pb
from pixel.gateway.v1 import accounts_service_pb2_grpc as stubs
from pixel_errors import NotFound
from pixel_runtime.ids import parse_id

from pixel_gateway.application.accounts.accounts import EnsureAccount
from pixel_gateway.application.accounts.api_keys import CreateApiKey, RevokeApiKey
from pixel_gateway.domain.api_key import KeyNotFound

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from typing import Any

    import grpc.aio

    from pixel_gateway.application import Application
    from pixel_gateway.domain.api_key import ApiKey

SERVICES = (pb.DESCRIPTOR.services_by_name["AccountsService"].full_name,)


class AccountNotFound(NotFound):
    """There is no such account."""

    reason = "ACCOUNT_NOT_FOUND"


def register(app: Application) -> Callable[[grpc.aio.Server], None]:
    """Return the function that adds the service to a server."""

    def add(server: grpc.aio.Server) -> None:
        stubs.add_AccountsServiceServicer_to_server(AccountsServicer(app), server)

    return add


class AccountsServicer(stubs.AccountsServiceServicer):
    """Converts a request, calls one use case, converts its result."""

    def __init__(self, app: Application) -> None:
        self._accounts = app.accounts

    async def EnsureAccount(self, request: pb.EnsureAccountRequest, context: Any) -> pb.EnsureAccountResponse:  # noqa: ARG002, N802
        command = EnsureAccount(username=request.username, first_credits=request.first_credits)
        account = await self._accounts.ensure(command)
        message = pb.Account(id=account.id, username=account.username, create_time=_timestamp(account.create_time))
        return pb.EnsureAccountResponse(account=message)

    async def CreateApiKey(self, request: pb.CreateApiKeyRequest, context: Any) -> pb.CreateApiKeyResponse:  # noqa: ARG002, N802
        command = CreateApiKey(user_id=_user_id(request.user_id), name=request.name)
        key, secret = await self._accounts.create_api_key(command)
        return pb.CreateApiKeyResponse(api_key=_key_message(key), secret=secret)

    async def RevokeApiKey(self, request: pb.RevokeApiKeyRequest, context: Any) -> pb.RevokeApiKeyResponse:  # noqa: ARG002, N802
        if not _is_id("key", request.id):
            raise KeyNotFound
        command = RevokeApiKey(user_id=_user_id(request.user_id), key_id=request.id)
        return pb.RevokeApiKeyResponse(api_key=_key_message(await self._accounts.revoke_api_key(command)))

    async def ListApiKeys(self, request: pb.ListApiKeysRequest, context: Any) -> pb.ListApiKeysResponse:  # noqa: ARG002, N802
        keys = await self._accounts.list_api_keys(_user_id(request.user_id))
        return pb.ListApiKeysResponse(api_keys=[_key_message(key) for key in keys])


def _user_id(text: str) -> str:
    if not _is_id("usr", text):
        raise AccountNotFound
    return text


def _is_id(prefix: str, text: str) -> bool:
    try:
        parse_id(prefix, text)
    except ValueError:
        return False
    return True


def _key_message(key: ApiKey) -> pb.ApiKey:
    return pb.ApiKey(
        id=key.id,
        name=key.name,
        prefix=key.prefix,
        create_time=_timestamp(key.create_time),
        revoke_time=_timestamp(key.revoke_time) if key.revoke_time else None,
    )


def _timestamp(moment: datetime) -> Timestamp:
    message = Timestamp()
    message.FromDatetime(moment)
    return message
