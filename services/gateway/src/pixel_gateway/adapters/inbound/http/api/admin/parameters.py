"""Query parameters and path parameters of the endpoints of admins."""

from __future__ import annotations

from typing import Annotated

from litestar.params import PathParameter
from pixel_errors import NotFound

from pixel_gateway.adapters.inbound.http.routing.parameters import Parameter, invalid_parameter, page_size, text
from pixel_gateway.adapters.inbound.http.routing.request import require_id

MAX_NAME_CHARS = 64

QueueName = Annotated[str, PathParameter(name="queue", description="Name of the queue.")]
PromotionCode = Annotated[str, PathParameter(name="code", description="Promotion code, in any case.")]


def id_parameter(name: str, description: str, prefix: str) -> Parameter[str]:
    """Declare an id; empty when it is not given."""
    bounded = text(name, description, max_length=MAX_NAME_CHARS)

    def read(value: str) -> str:
        try:
            return require_id(prefix, value) if bounded.read(value) else ""
        except NotFound:
            raise invalid_parameter(name, f"{prefix}_ and 32 hex digits") from None

    return Parameter(name, description, read, "", bounded.schema)


LIMIT = page_size(20)
USER = id_parameter("userId", "Only this user.", "usr")
GENERATION = id_parameter("generationId", "Only this generation.", "gen")
