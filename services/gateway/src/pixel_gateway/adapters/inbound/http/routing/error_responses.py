"""The response to any error, in the form of the endpoint it happened at."""

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
"""Below this address also what no endpoint takes is answered in OpenAI's form."""


def error_format_of(scope: Any) -> ErrorFormat:
    """Return the form of errors at the endpoint of a request, or at its address where there is no endpoint."""
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
    """Answer an error (a Litestar exception handler)."""
    return error_response(error, request.scope)
