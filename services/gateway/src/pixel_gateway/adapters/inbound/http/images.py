"""Doors of pictures: sets and the public feed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixel_gateway.adapters.inbound.http import bodies
from pixel_gateway.adapters.inbound.http.doors import Answer, Call, Door, Parameter, require_id
from pixel_gateway.adapters.inbound.http.generations import limit_parameter
from pixel_gateway.adapters.inbound.http.reply import Reply, json_reply
from pixel_gateway.adapters.inbound.http.views import addresses_of, image_view, set_view
from pixel_gateway.application.ports import DiscoverQuery
from pixel_gateway.domain.access import Access

if TYPE_CHECKING:
    from pixel_gateway.application import Application

_SORTS = ("recent", "popular", "trending")
_MAX_PAGE = 500
_PARAMETERS = (
    limit_parameter(20),
    Parameter("page", "Page number, for clients without a cursor.", {"type": "integer", "minimum": 1, "maximum": 500}),
    Parameter("cursor", "`nextCursor` of the page before."),
    Parameter("sortBy", "Order.", {"type": "string", "enum": [*_SORTS], "default": "recent"}),
    Parameter("filter[model]", "Only this model."),
    Parameter("filter[style]", "Only this style."),
    Parameter("filter[stylePreset]", "Another name of `filter[style]`."),
    Parameter("userId", "Only this user's."),
    Parameter("from", "Only pictures made at or after.", {"type": "string", "format": "date-time"}),
    Parameter("to", "Only pictures made before.", {"type": "string", "format": "date-time"}),
)


def doors(app: Application) -> list[Door]:
    """Return the doors of this group."""

    async def get_set(call: Call) -> Reply:
        call.query()
        found = await app.ports.sets.get(call.id_in_path("set"), call.user_id)
        addresses = await addresses_of(app.ports.media, [image.asset_id for image in found.images])
        return json_reply(set_view(found, call, addresses))

    async def discover(call: Call) -> Reply:
        asked = discover_query(call)
        images, next_cursor = await app.ports.sets.discover(asked)
        addresses = await addresses_of(app.ports.media, [image.asset_id for image in images])
        items = [image_view(image, call, addresses) for image in images]
        return json_reply(bodies.ImagePage(items=items, next_cursor=next_cursor or None, limit=asked.limit))

    return [
        Door(
            "GET",
            "/api/sets/{id:str}",
            get_set,
            "Look at a set",
            {200: Answer("The pictures that were made together.", bodies.SetView)},
            access=Access.OPTIONAL,
            tag="images",
        ),
        Door(
            "GET",
            "/api/images/discover",
            discover,
            "Discover public pictures",
            {200: Answer("Pictures in the order asked for.", bodies.ImagePage)},
            access=Access.OPTIONAL,
            tag="images",
            parameters=_PARAMETERS,
        ),
    ]


def discover_query(call: Call) -> DiscoverQuery:
    """Read what to list."""
    query = call.query(*(parameter.name for parameter in _PARAMETERS))
    user_id = query.text("userId")
    return DiscoverQuery(
        limit=query.whole("limit", default=20, least=1, most=100),
        cursor=query.cursor(),
        page=query.whole("page", default=0, least=1, most=_MAX_PAGE),
        sort=query.word("sortBy", _SORTS, default="recent"),
        model=query.text("filter[model]", max_length=64),
        style=query.text("filter[style]", "filter[stylePreset]", max_length=64),
        user_id=require_id("usr", user_id) if user_id else "",
        from_time=query.moment("from"),
        to_time=query.moment("to"),
    )
