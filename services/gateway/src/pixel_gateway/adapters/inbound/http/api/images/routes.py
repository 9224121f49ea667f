"""Endpoints of pictures: sets, the public feed, and stored objects by signed URL."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Controller, Response
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import PathParameter
from pixel_errors import Forbidden
from pixel_limits.social import DISCOVER_REQUEST_PAGE_LTE as _MAX_PAGE

from pixel_gateway.adapters.inbound.http.api.generations.presenters import addresses_of
from pixel_gateway.adapters.inbound.http.api.images.object_stream import ObjectStream, object_headers
from pixel_gateway.adapters.inbound.http.api.images.presenters import image_view, set_view
from pixel_gateway.adapters.inbound.http.api.images.schemas import ImagePage, SetView
from pixel_gateway.adapters.inbound.http.routing.endpoint import get
from pixel_gateway.adapters.inbound.http.routing.parameters import (
    CURSOR,
    IdInPath,
    page_size,
    text,
    time,
    whole_number,
    word,
)
from pixel_gateway.adapters.inbound.http.routing.request import Request, require_id
from pixel_gateway.adapters.inbound.http.routing.responses import JsonResponse
from pixel_gateway.application.images.ports import DiscoverQuery
from pixel_gateway.domain.access import Access
from pixel_gateway.domain.rate_limit import LoadClass

_MAX_SIGNATURE_CHARS = 256
_MAX_EXPIRES_DIGITS = 15

ObjectKey = Annotated[str, PathParameter(name="key", description="Object key.")]

LIMIT = page_size(20)
PAGE = whole_number("page", "Page number, for clients without a cursor.", default=0, least=1, most=_MAX_PAGE)
SORT_BY = word("sortBy", "Order.", ("recent", "popular", "trending"), default="recent")
MODEL = text("filter[model]", "Only this model.", max_length=64)
STYLE = text("filter[style]", "Only this style.", max_length=64)
STYLE_PRESET = text("filter[stylePreset]", "Another name of `filter[style]`.", max_length=64)
USER = text("userId", "Only this user's.")
MADE_FROM = time("from", "Only pictures made at or after.")
MADE_BEFORE = time("to", "Only pictures made before.")
EXPIRES = text("expires", "Expiry of the URL in Unix seconds.", schema={"type": "integer"})
SIGNATURE = text("signature", "Signature of the URL.")


class AddressRefused(Forbidden):
    """The URL was altered or has expired; read the picture again for a new one."""

    reason = "ADDRESS_REFUSED"


class Images(Controller):
    """Pictures."""

    tags = ("images",)

    @get(
        "/api/sets/{id:str}",
        access=Access.OPTIONAL,
        load_class=LoadClass.READ,
        summary="Get a set",
        answer="The pictures of one generation.",
    )
    async def view_set(self, request: Request, set_id: IdInPath) -> SetView:
        require_id("set", set_id)
        found = await request.application.images.get_set(set_id, request.user_id)
        addresses = await addresses_of(request.application, [image.asset_id for image in found.images])
        return set_view(found, request, addresses)

    @get(
        "/api/images/discover",
        access=Access.OPTIONAL,
        load_class=LoadClass.READ,
        summary="Discover public pictures",
        answer="Pictures in the requested order.",
        parameters=(LIMIT, PAGE, CURSOR, SORT_BY, MODEL, STYLE, STYLE_PRESET, USER, MADE_FROM, MADE_BEFORE),
    )
    async def discover(self, request: Request) -> ImagePage:
        query = request.query
        user_id = query[USER]
        wanted = DiscoverQuery(
            limit=query[LIMIT],
            cursor=query[CURSOR],
            page=query[PAGE],
            sort=query[SORT_BY],
            model=query[MODEL],
            style=query[STYLE if STYLE in query else STYLE_PRESET],
            user_id=require_id("usr", user_id) if user_id else "",
            from_time=query[MADE_FROM],
            to_time=query[MADE_BEFORE],
        )
        images, next_cursor = await request.application.images.discover(wanted)
        addresses = await addresses_of(request.application, [image.asset_id for image in images])
        items = [image_view(image, request, addresses) for image in images]
        return ImagePage(items=items, next_cursor=next_cursor or None, limit=wanted.limit)

    @get(
        "/media/objects/{key:path}",
        access=Access.PUBLIC,
        load_class=LoadClass.READ,
        summary="Read a picture by its signed URL",
        answer=ResponseSpec(Any, generate_examples=False, description="The bytes.", media_type="image/png"),
        headers={"ETag": "Identifies the bytes."},
        responses={304: ResponseSpec(None, description="The bytes are unchanged.")},
        parameters=(EXPIRES, SIGNATURE),
    )
    async def read_object(self, request: Request, key: ObjectKey) -> Response[Any]:
        """Serve an object of a store that cannot serve clients itself; the signature authorizes."""
        expires, signature = request.query[EXPIRES], request.query[SIGNATURE]
        is_number = expires.isascii() and expires.isdigit() and len(expires) <= _MAX_EXPIRES_DIGITS
        if not is_number or not signature or len(signature) > _MAX_SIGNATURE_CHARS:
            raise AddressRefused
        key = key.lstrip("/")
        stored = await request.application.images.read_object(key, expires=int(expires), signature=signature)
        # Objects are written once: the key identifies the bytes.
        etag = f'"{key.rsplit("/", 1)[-1]}-{stored.size_bytes}"'.encode("ascii", "ignore").decode()
        headers = object_headers(stored, etag)
        if request.fields.get("if-none-match", "") == etag:
            await stored.chunks.aclose()
            return JsonResponse(None, status_code=304, headers=headers)
        return ObjectStream(stored, headers)
