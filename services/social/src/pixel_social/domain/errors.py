"""Errors and their reasons."""

from __future__ import annotations

from pixel_errors import Invalid, NotFound


class SetNotFound(NotFound):
    """The set does not exist, or the viewer may not see it."""

    reason = "SET_NOT_FOUND"


class InvalidFeedRequest(Invalid):
    """The feed request is invalid."""

    reason = "INVALID_FEED_REQUEST"


class InvalidPageToken(Invalid):
    """The page token is not valid for this list."""

    reason = "INVALID_PAGE_TOKEN"
