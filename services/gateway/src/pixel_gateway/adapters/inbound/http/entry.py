"""Who stands at a door, and whether they may use it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pixel_gateway.adapters.inbound.http.authentication import (
    refuse_token_in_address,
    require_principal,
    require_processor,
    secret_in,
    ticket_in,
)
from pixel_gateway.adapters.inbound.http.tickets import user_of_ticket
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
    from litestar.types import HTTPScope

    from pixel_gateway.adapters.inbound.http.doors import Door
    from pixel_gateway.application import Application

_ANONYMOUS = Principal(user_id="", key_id="", role=Role.ANONYMOUS)


@dataclass(frozen=True)
class Entry:
    """Tells callers apart and turns away those who may not come in."""

    application: Application
    queue_secret: str

    async def admit(self, door: Door, scope: HTTPScope, headers: dict[str, str]) -> Principal:
        """Return who is at the door; raise when the door is not for them, or wants a key and there is none."""
        role = Role.ANONYMOUS
        try:
            principal = await self._identified(door, scope, headers)
            role = principal.role
            check_access(door.access, role)
        except (RoleRequired, QueueSecretNotSet, QueueSecretRefused):
            REFUSED_ROLES.labels(door.access, role).inc()
            raise
        return principal

    async def _identified(self, door: Door, scope: HTTPScope, headers: dict[str, str]) -> Principal:
        if door.access is Access.PROCESSOR:
            return require_processor(headers, self.queue_secret)
        if door.access is Access.PUBLIC:
            return _ANONYMOUS
        secret = secret_in(headers)
        if door.takes_tickets and not secret and (ticket := ticket_in(scope["query_string"])):
            refuse_token_in_address(scope["query_string"])
            user_id = await user_of_ticket(self.application, ticket, str(scope["path_params"].get("id", "")))
            return Principal(user_id=user_id, key_id="")
        if secret or door.access is not Access.OPTIONAL:
            return await require_principal(secret, self.application.authenticator)
        return _ANONYMOUS
