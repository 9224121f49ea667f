"""The OpenAPI 3.1 document: Litestar's generator over the endpoints, with msgspec's own schemas of their structs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec
from litestar import Litestar
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components, License, SecurityScheme, Server, Tag
from litestar.plugins import OpenAPISchemaPlugin

from pixel_gateway.adapters.inbound.http.routing.request import Request
from pixel_gateway.adapters.inbound.http.routing.responses import JsonResponse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from litestar.openapi.spec import Schema
    from litestar.types import ControllerRouterHandler

_DESCRIPTION = (
    "Submit generations, follow their progress, read and discover their pictures. Errors are RFC 9457 problems; "
    "under /v1 they have OpenAI's format. Progress is also served as a WebSocket at "
    "`/api/processing/{id}/status` (`Sec-WebSocket-Protocol: bearer, pxl_…` in browsers)."
)
_SECURITY_SCHEMES = {
    "bearer": SecurityScheme(type="http", scheme="bearer", description="An API key, `pxl_…`."),
    "apiKey": SecurityScheme(type="apiKey", security_scheme_in="header", name="x-api-key"),
    "queueSecret": SecurityScheme(type="apiKey", security_scheme_in="header", name="x-queue-secret"),
}
_WORD = re.compile(r"[A-Za-z0-9]+")


class StructSchemas(OpenAPISchemaPlugin):
    """Registers structs by name; their schemas are msgspec's, which has every limit that it checks.

    Litestar's schema of a struct omits limits inside containers, `minimum: 0`, defaults of a factory, and the
    description.
    """

    def __init__(self) -> None:
        self._structs: set[type[Any]] = set()

    def is_plugin_supported_field(self, field_definition: Any) -> bool:
        """Return whether the plugin makes the schema of a type."""
        return not field_definition.is_union and field_definition.is_subclass_of(msgspec.Struct)

    def to_openapi_schema(self, field_definition: Any, schema_creator: Any) -> Schema:
        """Register a struct."""
        self._structs.add(field_definition.annotation)
        schema: Schema = schema_creator.create_component_schema(field_definition, required=[], property_fields={})
        return schema

    def components(self) -> dict[str, Any]:
        """Return the schemas of the registered structs and of their field types, by name."""
        ordered = sorted(self._structs, key=lambda struct: str(struct.__name__))
        _, schemas = msgspec.json.schema_components(ordered, ref_template="#/components/schemas/{name}")
        return dict(sorted(schemas.items()))


def document(handlers: Sequence[ControllerRouterHandler], *, version: str) -> dict[str, Any]:
    """Return the document of every endpoint in the schema.

    The generator adds routes to its application, so it gets a separate one that serves nothing.
    """
    schemas = StructSchemas()
    config = OpenAPIConfig(
        title="Pixel Studio",
        version=version,
        description=_DESCRIPTION,
        license=License(name="Apache-2.0", identifier="Apache-2.0"),
        servers=[Server(url="/")],
        components=Components(security_schemes={**_SECURITY_SCHEMES}),
        operation_id_creator=operation_id,
    )
    application = Litestar(
        handlers, request_class=Request, response_class=JsonResponse, openapi_config=config, plugins=[schemas]
    )
    openapi = application.openapi_schema
    for path in (openapi.paths or {}).values():
        path.head = None  # HEAD is implied by GET
    described = openapi.to_schema()
    tags = dict.fromkeys(
        tag for path in described["paths"].values() for operation in path.values() for tag in operation["tags"]
    )
    described["tags"] = [Tag(name=tag).to_schema() for tag in tags]
    described["components"]["schemas"] = schemas.components()
    return described


def operation_id(_handler: Any, method: Any, path_components: Sequence[Any]) -> str:
    """Return an id such as `getApiGenerationsById`."""
    words: list[str] = []
    for component in path_components:
        words += _WORD.findall(component) if isinstance(component, str) else ["by", component.name]
    return str(method.value).lower() + "".join(word.capitalize() for word in words)
