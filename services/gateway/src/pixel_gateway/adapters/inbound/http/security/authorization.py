"""The guard of every endpoint: admission, authentication, authorization, rate limit and query parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pixel_rpc import Caller, calling_as

from pixel_gateway.adapters.inbound.http.routing.endpoint import Endpoint
from pixel_gateway.adapters.inbound.http.routing.parameters import Query
from pixel_gateway.adapters.inbound.http.security.credentials import (
    refuse_token_in_address,
    require_principal,
    require_processor,
    secret_in,
    ticket_in,
)
from pixel_gateway.adapters.inbound.http.security.tickets import user_of_ticket
from pixel_gateway.adapters.metrics import REFUSED_ROLES
from pixel_gateway.domain.access import (
    Access,
    QueueSecretNotSet,
    QueueSecretRefused,
    Role,
    RoleRequired,
    check_access,
)
from pixel_gateway.domain.api_key import Principal

if TYPE_CHECKING:
    from pixel_gateway.adapters.inbound.http.routing.request import Request
    from pixel_gateway.adapters.inbound.http.security.load_control import LoadControl
    from pixel_gateway.application import Application

_ANONYMOUS = Principal(user_id="", key_id="", role=Role.ANONYMOUS)


@dataclass(frozen=True)
class Authorization:
    """A Litestar guard. Handlers that are not endpoints, for OPTIONS and WebSockets, pass it."""

    application: Application
    queue_secret: str
    load: LoadControl

    async def __call__(self, connection: Any, handler: Any) -> None:
        """Admit a request, set its principal as `auth` and parse its query; raise the rejection."""
        if not isinstance(handler, Endpoint):
            return
        request: Request = connection
        scope, declared = request.scope, handler.opt
        self.load.admit(declared["load_class"], scope)
        principal = scope["auth"] = await self._admitted(request, declared)
        await self.load.count(declared["load_class"], scope, principal.user_id)
        if declared["query"] is not None:
            request.query = Query(scope["query_string"], declared["query"])
        scope["state"]["held"].enter_context(
            calling_as(Caller(user_id=principal.user_id, request_id=request.request_id))
        )

    async def _admitted(self, request: Request, declared: dict[str, Any]) -> Principal:
        access, role = declared["access"], Role.ANONYMOUS
        try:
            principal = await self._identified(request, access, takes_tickets=declared["takes_tickets"])
            role = principal.role
            check_access(access, role)
        except (RoleRequired, QueueSecretNotSet, QueueSecretRefused):
            REFUSED_ROLES.labels(access, role).inc()
            raise
        return principal

    async def _identified(self, request: Request, access: Access, *, takes_tickets: bool) -> Principal:
        fields, scope = request.fields, request.scope
        if access is Access.PROCESSOR:
            return require_processor(fields, self.queue_secret)
        if access is Access.PUBLIC:
            return _ANONYMOUS
        secret = secret_in(fields)
        if takes_tickets and not secret and (ticket := ticket_in(scope["query_string"])):
            refuse_token_in_address(scope["query_string"])
            user_id = await user_of_ticket(self.application, ticket, str(scope["path_params"].get("id", "")))
            return Principal(user_id=user_id, key_id="")
        if secret or access is not Access.OPTIONAL:
            return await require_principal(secret, self.application)
        return _ANONYMOUS
