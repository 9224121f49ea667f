"""The OpenAPI 3.1 document, made from the doors themselves so that it cannot lag behind them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from pixel_gateway.adapters.inbound.http.errors import Problem
from pixel_gateway.adapters.inbound.http.openai_errors import OpenAIError
from pixel_gateway.domain.access import Access

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pixel_gateway.adapters.inbound.http.doors import Answer, Door

_PARAMETER = re.compile(r"\{(\w+):\w+\}")
_PATH_WORDS = {
    "id": "Id with its prefix, for example `gen_` and 32 hex digits.",
    "key": "Object key.",
    "name": "Model id or alias.",
    "file": "File name.",
    "queue": "Name of the queue.",
    "code": "Promotion code, in any case.",
}
_PROBLEM_EXAMPLE = {
    "type": "urn:pixel-studio:problem:insufficient-credits",
    "title": "Not enough credits",
    "status": 402,
    "detail": "The pictures cost 8 credits and 3 are available.",
    "code": "INSUFFICIENT_CREDITS",
    "requestId": "req_1f0c2a7d",
    "retryable": False,
    "errors": [],
    "facts": {},
}
_OPENAI_EXAMPLE = {
    "error": {
        "message": "n has to be 1 to 10.",
        "type": "invalid_request_error",
        "param": "n",
        "code": "invalid_request",
    }
}


def document(doors: Sequence[Door], *, version: str) -> dict[str, Any]:
    """Return the document of every documented door."""
    shown = [door for door in doors if door.is_documented]
    bodies = {body for door in shown for body in _bodies(door)} | {Problem, OpenAIError}
    ordered = sorted(bodies, key=lambda body: str(body.__name__))
    _, components = msgspec.json.schema_components(ordered, ref_template="#/components/schemas/{name}")
    paths: dict[str, dict[str, Any]] = {}
    for door in shown:
        paths.setdefault(_PARAMETER.sub(r"{\1}", door.path), {})[door.method.lower()] = _operation(door)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Pixel Studio",
            "version": version,
            "description": "Ask for pictures, follow them live, keep and discover them. Errors are RFC 9457 problems; "
            "under /v1 they have OpenAI's form. Progress is also served as a WebSocket at "
            "`/api/processing/{id}/status` (`Sec-WebSocket-Protocol: bearer, pxl_…` in browsers).",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name} for name in dict.fromkeys(door.tag for door in shown)],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(components.items())),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "An API key, `pxl_…`."},
                "apiKey": {"type": "apiKey", "in": "header", "name": "x-api-key"},
                "queueSecret": {"type": "apiKey", "in": "header", "name": "x-queue-secret"},
            },
        },
    }


def _bodies(door: Door) -> list[type[Any]]:
    return [body for body in (door.body, *(answer.body for answer in door.answers.values())) if body is not None]


def _operation(door: Door) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": _operation_id(door),
        "summary": door.summary,
        "tags": [door.tag],
        "security": {
            Access.REQUIRED: [{"bearer": []}, {"apiKey": []}],
            Access.OPTIONAL: [{}, {"bearer": []}, {"apiKey": []}],
            Access.PUBLIC: [],
            Access.ADMIN: [{"bearer": []}, {"apiKey": []}],
            Access.PROCESSOR: [{"queueSecret": []}],
        }[door.access],
        "responses": _responses(door),
    }
    if door.description:
        operation["description"] = door.description
    parameters = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": _PATH_WORDS[name],
            "schema": {"type": "string"},
        }
        for name in _PARAMETER.findall(door.path)
    ]
    parameters += [
        {"name": each.name, "in": each.place, "description": each.description, "schema": each.schema}
        for each in door.parameters
    ]
    if parameters:
        operation["parameters"] = parameters
    if door.body is not None:
        content: dict[str, Any] = {"schema": _reference(door.body)}
        if door.body_example is not None:
            content["example"] = door.body_example
        operation["requestBody"] = {"required": door.needs_body, "content": {"application/json": content}}
    return operation


def _responses(door: Door) -> dict[str, Any]:
    responses = {str(status): _response(answer) for status, answer in door.answers.items()}
    is_openai = door.path.startswith("/v1/")
    error = {
        "schema": _reference(OpenAIError if is_openai else Problem),
        "example": _OPENAI_EXAMPLE if is_openai else _PROBLEM_EXAMPLE,
    }
    content = {"application/json" if is_openai else "application/problem+json": error}
    if door.access is not Access.PUBLIC:
        responses["401"] = {"description": "The API key is missing, wrong or revoked.", "content": content}
    if _PARAMETER.search(door.path):
        responses["404"] = {"description": "There is no such thing, or it is not yours.", "content": content}
    if door.body is not None or door.parameters:
        status = "400" if is_openai else "422"
        responses[status] = {"description": "The request breaks a rule; the answer says which.", "content": content}
    if door.access is Access.ADMIN:
        responses["403"] = {"description": "FORBIDDEN: the account is not an admin's.", "content": content}
    for refused, text in door.problems.items():
        responses[str(refused)] = {"description": text, "content": content}
    responses["default"] = {"description": "Any other error.", "content": content}
    return responses


def _response(answer: Answer) -> dict[str, Any]:
    response: dict[str, Any] = {"description": answer.description}
    if answer.body is not None:
        content: dict[str, Any] = {"schema": _reference(answer.body)}
        if answer.example is not None:
            content["example"] = answer.example
        response["content"] = {answer.content_type: content}
        if answer.other_type:
            response["content"][answer.other_type] = {"schema": {"type": "string"}}
    elif answer.content_type != "application/json":
        response["content"] = {answer.content_type: {}}
    if answer.headers:
        response["headers"] = {
            name: {"description": description, "schema": {"type": "string"}}
            for name, description in answer.headers.items()
        }
    return response


def _operation_id(door: Door) -> str:
    words = re.findall(r"[A-Za-z0-9]+", _PARAMETER.sub(r"by \1", door.path))
    return door.method.lower() + "".join(word.capitalize() for word in words)


def _reference(body: type[Any]) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{body.__name__}"}
