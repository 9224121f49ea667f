"""Errors of the HTTP interface itself."""

from __future__ import annotations

from pixel_errors import Invalid, NotFound, Unavailable


class MalformedRequest(Invalid):
    """The request is malformed."""

    reason = "MALFORMED_REQUEST"


class MalformedJson(Invalid):
    """The body is not valid JSON for this endpoint."""

    reason = "MALFORMED_JSON"


class InvalidRequest(Invalid):
    """The request is invalid."""

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
    """The route does not exist."""

    reason = "ROUTE_NOT_FOUND"


class MethodNotAllowed(Invalid):
    """The route does not support this method."""

    reason = "METHOD_NOT_ALLOWED"


class HostNotAllowed(Invalid):
    """The Host field is not a host of this server; PIXEL_ALLOWED_HOSTS or PIXEL_PUBLIC_URL adds hosts."""

    reason = "HOST_NOT_ALLOWED"


class ConnectionsFull(Unavailable):
    """The process has the maximum number of open connections; retry in a moment."""

    reason = "CONNECTIONS_FULL"


class Pointer(str):
    """A field that is already a JSON pointer (RFC 6901)."""

    __slots__ = ()

    @property
    def path(self) -> str:
        """The same path with dots, as OpenAI writes it."""
        return self.removeprefix("/").replace("/", ".").replace("~1", "/").replace("~0", "~")

    @classmethod
    def to(cls, *parts: str | int) -> Pointer:
        """Return the pointer to the path of these parts."""
        return cls("".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts))
