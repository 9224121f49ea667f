"""Translates refused page tokens of any service to one error."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from pixel_errors import Invalid

from pixel_gateway.application.ports import InvalidPageToken

if TYPE_CHECKING:
    from collections.abc import Iterator

_FIELDS = frozenset({"cursor", "page_token"})


@contextmanager
def page_tokens() -> Iterator[None]:
    """Raise InvalidPageToken for a service's error about a page token."""
    try:
        yield
    except Invalid as error:
        if any(each.field in _FIELDS for each in error.violations):
            raise InvalidPageToken(error.detail, violations=error.violations) from error
        raise
