"""The API's description: the OpenAPI document and a page to read it, with every asset served from here."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from litestar import Controller
from litestar.params import PathParameter

from pixel_gateway.adapters.inbound.http.routing.endpoint import get
from pixel_gateway.adapters.inbound.http.routing.errors import NoSuchRoute
from pixel_gateway.adapters.inbound.http.routing.request import Request
from pixel_gateway.adapters.inbound.http.routing.responses import JsonResponse
from pixel_gateway.domain.access import Access
from pixel_gateway.domain.rate_limit import LoadClass

FileName = Annotated[str, PathParameter(name="file", description="File name.")]

_ASSETS = {
    "swagger-ui.css": "text/css; charset=utf-8",
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "favicon-32x32.png": "image/png",
}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_PAGE = b"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Pixel Studio API</title>
<link rel="icon" href="/docs/favicon-32x32.png">
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""
_START = b"""SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  persistAuthorization: false,
  validatorUrl: null,
});
"""
_PUBLIC: dict[str, Any] = {
    "access": Access.PUBLIC,
    "load_class": LoadClass.READ,
    "answer": "The document, page or file.",
    "include_in_schema": False,
    "ignores_query": True,
}


class Documentation(Controller):
    """The description of the API, which does not include these endpoints."""

    @get("/", summary="The start page", **_PUBLIC)
    async def home(self) -> JsonResponse[None]:
        return JsonResponse(None, status_code=302, headers={"location": "/docs"})

    @get("/openapi.json", summary="This document", **_PUBLIC)
    async def openapi(self, request: Request) -> JsonResponse[bytes]:
        content = await request.app.state.openapi()
        return JsonResponse(content, headers={"cache-control": "no-cache"})

    @get("/docs", summary="A page to read this document", **_PUBLIC)
    async def page(self) -> JsonResponse[bytes]:
        headers = {"content-security-policy": _POLICY}
        return JsonResponse(_PAGE, media_type="text/html; charset=utf-8", headers=headers)

    @get("/docs/{file:str}", summary="A file of the page", **_PUBLIC)
    async def asset(self, file: FileName) -> JsonResponse[bytes]:
        if file == "start.js":
            return _asset(_START, "text/javascript; charset=utf-8")
        if file not in _ASSETS:
            raise NoSuchRoute
        return _asset(_read(file), _ASSETS[file])


def _asset(content: bytes, content_type: str) -> JsonResponse[bytes]:
    return JsonResponse(content, media_type=content_type, headers={"cache-control": "public, max-age=86400"})


@cache
def _read(name: str) -> bytes:
    """Return a file of the Swagger UI distribution, whose package is data only and is not imported."""
    spec = importlib.util.find_spec("flask_swagger_ui")
    if spec is None or not spec.submodule_search_locations:
        raise NoSuchRoute
    return (Path(spec.submodule_search_locations[0]) / "dist" / name).read_bytes()
