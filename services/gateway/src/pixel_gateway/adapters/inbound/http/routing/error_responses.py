"""The response to any error, in the error format of its endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pixel_gateway.adapters.inbound.http.routing.endpoint import Endpoint, ErrorFormat
from pixel_gateway.adapters.inbound.http.routing.openai_errors import openai_error
from pixel_gateway.adapters.inbound.http.routing.problems import problem
from pixel_gateway.adapters.inbound.http.routing.request import request_id_of

if TYPE_CHECKING:
    from litestar import Request

    from pixel_gateway.adapters.inbound.http.routing.responses import JsonResponse

_OPENAI_PREFIX = "/v1/"
"""Below this path also requests without an endpoint get errors in OpenAI's format."""


def error_format_of(scope: Any) -> ErrorFormat:
    """Return the error format of a request's endpoint, or of its path when there is no endpoint."""
    handler = scope.get("route_handler")
    if isinstance(handler, Endpoint):
        declared: ErrorFormat = handler.opt["error_format"]
        return declared
    return ErrorFormat.OPENAI if scope["path"].startswith(_OPENAI_PREFIX) else ErrorFormat.PROBLEM


def error_response(error: Exception, scope: Any) -> JsonResponse[Any]:
    """Return the response to an error."""
    request_id = request_id_of(scope)
    if error_format_of(scope) is ErrorFormat.OPENAI:
        return openai_error(error, request_id)
    return problem(error, request_id)


def handle_error(request: Request[Any, Any, Any], error: Exception) -> JsonResponse[Any]:
    """Return the response to an error (a Litestar exception handler)."""
    return error_response(error, request.scope)
