"""Errors of the HTTP interface itself; those of the application come as they are."""

from __future__ import annotations

from pixel_errors import Invalid, NotFound, Unavailable


class MalformedRequest(Invalid):
    """The request cannot be read."""

    reason = "MALFORMED_REQUEST"


class MalformedJson(Invalid):
    """The body is not JSON that this endpoint reads."""

    reason = "MALFORMED_JSON"


class InvalidRequest(Invalid):
    """The request breaks a rule."""

    reason = "INVALID_REQUEST"


class BodyTooLarge(Invalid):
    """The body is larger than this endpoint accepts."""

    reason = "BODY_TOO_LARGE"


class UnsupportedContentType(Invalid):
    """The body is not sent as application/json in UTF-8."""

    reason = "UNSUPPORTED_CONTENT_TYPE"


class BodyTooSlow(Invalid):
    """The body did not arrive in time."""

    reason = "BODY_TOO_SLOW"


class HeadersTooLarge(Invalid):
    """The header fields are too many or too large."""

    reason = "HEADERS_TOO_LARGE"


class NoSuchRoute(NotFound):
    """There is nothing at this address."""

    reason = "ROUTE_NOT_FOUND"


class MethodNotAllowed(Invalid):
    """This address does not take that method."""

    reason = "METHOD_NOT_ALLOWED"


class HostNotAllowed(Invalid):
    """The Host field names no host of this server; PIXEL_ALLOWED_HOSTS or PIXEL_PUBLIC_URL names more."""

    reason = "HOST_NOT_ALLOWED"


class ConnectionsFull(Unavailable):
    """As many connections are open as this process takes; try again in a moment."""

    reason = "CONNECTIONS_FULL"


class Pointer(str):
    """A field that is written as a JSON pointer (RFC 6901) already."""

    __slots__ = ()

    @property
    def path(self) -> str:
        """The same place with dots, as OpenAI writes it."""
        return self.removeprefix("/").replace("/", ".").replace("~1", "/").replace("~0", "~")

    @classmethod
    def to(cls, *parts: str | int) -> Pointer:
        """Return the pointer to a place, given part by part."""
        return cls("".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts))
