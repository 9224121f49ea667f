"""What can go wrong, by the reason callers see."""

from __future__ import annotations

from pixel_errors import Invalid, NotFound


class SetNotFound(NotFound):
    """There is no such set, or the viewer may not see it."""

    reason = "SET_NOT_FOUND"


class InvalidFeedRequest(Invalid):
    """The page of the feed cannot be asked for like this."""

    reason = "INVALID_FEED_REQUEST"


class InvalidPageToken(Invalid):
    """The page token was not issued for this list."""

    reason = "INVALID_PAGE_TOKEN"
