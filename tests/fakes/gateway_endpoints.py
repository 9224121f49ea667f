"""Every HTTP endpoint of the gateway, as its controllers declare them."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_type_hints

from pixel_gateway.adapters.inbound.http.routes import ROUTES
from pixel_gateway.adapters.inbound.http.routing.endpoint import Endpoint

if TYPE_CHECKING:
    from pixel_gateway.domain.access import Access


@dataclass(frozen=True)
class Declared:
    """The declaration of an endpoint, for tests."""

    endpoint: Endpoint
    method: str
    path: str

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def access(self) -> Access:
        access: Access = self.endpoint.opt["access"]
        return access

    @property
    def load_class(self) -> Any:
        return self.endpoint.opt["load_class"]

    @property
    def is_documented(self) -> bool:
        return self.endpoint.include_in_schema is not False

    @property
    def statuses(self) -> set[int]:
        """The documented statuses declared by the endpoint."""
        endpoint = self.endpoint
        return {endpoint.status_code, *(endpoint.responses or {}), *endpoint.documentation.problems}

    @property
    def example(self) -> Any:
        return self.endpoint.documentation.example

    @property
    def body(self) -> Any:
        """The type of the body, None without one."""
        function = self.endpoint.fn
        return get_type_hints(function)["data"] if "data" in inspect.signature(function).parameters else None


def _declared() -> list[Declared]:
    found = [each for controller in ROUTES for each in vars(controller).values() if isinstance(each, Endpoint)]
    return [
        Declared(each, "GET" if "GET" in each.http_methods else next(iter(each.http_methods)), path)
        for each in found
        for path in each.paths
    ]


ENDPOINTS = {each.name: each for each in sorted(_declared(), key=lambda each: each.name)}
