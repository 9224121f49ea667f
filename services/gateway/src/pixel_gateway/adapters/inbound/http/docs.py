"""The API's description: the document and a page to read it, with every asset served from here."""

from __future__ import annotations

import importlib.util
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from pixel_gateway.adapters.inbound.http.doors import Answer, Call, Door
from pixel_gateway.adapters.inbound.http.errors import NoSuchRoute
from pixel_gateway.adapters.inbound.http.openapi import document
from pixel_gateway.adapters.inbound.http.reply import Reply
from pixel_gateway.domain.access import Access

if TYPE_CHECKING:
    from collections.abc import Sequence

_ASSETS = {
    "swagger-ui.css": b"text/css; charset=utf-8",
    "swagger-ui-bundle.js": b"text/javascript; charset=utf-8",
    "favicon-32x32.png": b"image/png",
}
_POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    b"connect-src 'self'; font-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
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


def doors(described: Sequence[Door]) -> list[Door]:
    """Return the doors of this group, which describe the others."""
    content = msgspec.json.encode(document(described, version=version("pixel-gateway")))

    async def openapi(_: Call) -> Reply:
        headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-cache")]
        return Reply(200, content, headers)

    async def page(_: Call) -> Reply:
        headers = [(b"content-type", b"text/html; charset=utf-8"), (b"content-security-policy", _POLICY)]
        return Reply(200, _PAGE, headers)

    async def asset(call: Call) -> Reply:
        name = str(call.scope["path_params"]["file"])
        if name == "start.js":
            return _asset(_START, b"text/javascript; charset=utf-8")
        if name not in _ASSETS:
            raise NoSuchRoute
        return _asset(_read(name), _ASSETS[name])

    async def home(_: Call) -> Reply:
        return Reply(302, b"", [(b"location", b"/docs"), (b"cache-control", b"no-store")])

    answer = {200: Answer("The document, page or file.")}
    return [
        Door("GET", path, handle, summary, answer, access=Access.PUBLIC, is_documented=False)
        for path, handle, summary in (
            ("/", home, "Where to begin"),
            ("/openapi.json", openapi, "This document"),
            ("/docs", page, "A page to read this document"),
            ("/docs/{file:str}", asset, "A file of the page"),
        )
    ]


def _asset(content: bytes, content_type: bytes) -> Reply:
    return Reply(200, content, [(b"content-type", content_type), (b"cache-control", b"public, max-age=86400")])


@cache
def _read(name: str) -> bytes:
    """Return a file of the Swagger UI distribution, whose package is only data to us and is never imported."""
    spec = importlib.util.find_spec("flask_swagger_ui")
    if spec is None or not spec.submodule_search_locations:
        raise NoSuchRoute
    return (Path(spec.submodule_search_locations[0]) / "dist" / name).read_bytes()
