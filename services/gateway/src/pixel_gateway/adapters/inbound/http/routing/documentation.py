"""Parts of the OpenAPI document that Litestar does not find in the signature of an endpoint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Operation

from pixel_gateway.adapters.inbound.http.routing.openai_errors import OpenAIError
from pixel_gateway.adapters.inbound.http.routing.problems import PROBLEM_TYPE, Problem
from pixel_gateway.domain.access import Access

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from pixel_gateway.adapters.inbound.http.routing.parameters import Parameter

_BY_KEY: list[dict[str, list[str]]] = [{"bearer": []}, {"apiKey": []}]
_SECURITY: dict[Access, list[dict[str, list[str]]]] = {
    Access.REQUIRED: _BY_KEY,
    Access.OPTIONAL: [{}, *_BY_KEY],
    Access.PUBLIC: [],
    Access.ADMIN: _BY_KEY,
    Access.PROCESSOR: [{"queueSecret": []}],
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


@dataclass(frozen=True)
class Documentation:
    """The documentation that an endpoint declares."""

    access: Access
    is_openai: bool
    parameters: tuple[Parameter[Any], ...]
    example: Any
    problems: Mapping[int, str]
    status: str
    headers: Mapping[str, str]
    other_answer_type: str

    def refusals(self, *, has_path_parameters: bool, has_input: bool) -> dict[int, ResponseSpec]:
        """Return the responses of errors by status; `default` is any other."""
        texts: dict[Any, str] = {}
        if self.access is not Access.PUBLIC:
            texts[401] = "The API key is missing, wrong or revoked."
        if has_path_parameters:
            texts[404] = "It does not exist, or it is not yours."
        if has_input:
            texts[400 if self.is_openai else 422] = "The request is invalid; the response has the fields."
        if self.access is Access.ADMIN:
            texts[403] = "FORBIDDEN: the account is not an admin's."
        texts.update(self.problems)
        texts["default"] = "Any other error."
        body, media_type = (OpenAIError, "application/json") if self.is_openai else (Problem, PROBLEM_TYPE)
        return {
            status: ResponseSpec(body, generate_examples=False, description=text, media_type=media_type)
            for status, text in texts.items()
        }

    def operation_class(self, *, requires_body: bool, documented: Collection[str]) -> type[Operation]:
        """Return the class of the endpoint's operation: Litestar's, with additional fields."""
        documentation = self

        class DocumentedOperation(Operation):
            def to_schema(self) -> dict[str, Any]:
                operation = super().to_schema()
                if body := operation.get("requestBody"):
                    body["required"] = requires_body
                    content = body["content"]["application/json"]
                    content["example"] = documentation.example
                    content["schema"] = content["schema"].get("oneOf", [content["schema"]])[0]
                if "400" not in documented:
                    operation["responses"].pop("400", None)  # Litestar's own form of a validation error
                return documentation.complete(operation)

        return DocumentedOperation

    def complete(self, operation: dict[str, Any]) -> dict[str, Any]:
        """Return an operation with its security, parameters and examples, without redundant parts."""
        operation["security"] = _SECURITY[self.access]
        operation.pop("deprecated", None)
        for parameter in operation.get("parameters", ()):
            parameter.pop("deprecated", None)
            parameter["schema"].pop("description", None)
        described = [
            {"name": each.name, "in": each.place, "description": each.description, "schema": dict(each.schema)}
            for each in self.parameters
        ]
        if parameters := [*operation.get("parameters", ()), *described]:
            operation["parameters"] = parameters
        answer = operation["responses"][self.status]
        if self.other_answer_type:
            answer["content"][self.other_answer_type] = {"schema": {"type": "string"}}
        error, example = (OpenAIError, _OPENAI_EXAMPLE) if self.is_openai else (Problem, _PROBLEM_EXAMPLE)
        for response in operation["responses"].values():
            response.pop("headers", None)
            for content in response.get("content", {}).values():
                if content.get("schema", {}).get("$ref", "").endswith(f"/{error.__name__}"):
                    content["example"] = example
                for documented in content.pop("examples", {}).values():
                    content["example"] = documented["value"]
        if self.headers:
            answer["headers"] = {
                name: {"description": text, "schema": {"type": "string"}} for name, text in self.headers.items()
            }
        return operation
