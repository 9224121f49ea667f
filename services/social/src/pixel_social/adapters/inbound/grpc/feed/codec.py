"""Converts feed requests."""

from __future__ import annotations

from pixel.social.v1 import sets_service_pb2 as pb

from pixel_social.adapters.inbound.grpc.fields import invalid, read_optional_user_id, read_time
from pixel_social.application.feed.discover import Discover
from pixel_social.domain.feed.feed import FeedFilter, Sort

SORTS = {
    pb.DISCOVER_SORT_UNSPECIFIED: Sort.RECENT,
    pb.DISCOVER_SORT_RECENT: Sort.RECENT,
    pb.DISCOVER_SORT_POPULAR: Sort.POPULAR,
    pb.DISCOVER_SORT_TRENDING: Sort.TRENDING,
}


def read_discover(request: pb.DiscoverRequest) -> Discover:
    """Convert the request to a query; raise Invalid when a field is malformed."""
    sort = SORTS.get(request.sort)
    if sort is None:
        raise invalid("sortBy", "must be recent, popular or trending")
    return Discover(
        sort=sort,
        filter=FeedFilter(
            model=request.model or None,
            style=request.style or None,
            user_id=read_optional_user_id("userId", request.user_id),
            made_from=read_time("from", request.from_time) if request.HasField("from_time") else None,
            made_before=read_time("to", request.to_time) if request.HasField("to_time") else None,
        ),
        page_size=request.page_size,
        page=request.page,
        page_token=request.page_token,
    )
