"""The discover feed: page requests and page tokens."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import UUID

from pixel_errors import Violation
from pixel_limits.social import DISCOVER_REQUEST_PAGE_LTE as MAX_PAGE
from pixel_limits.social import DISCOVER_REQUEST_PAGE_SIZE_LTE as MAX_PAGE_SIZE

from pixel_social.domain.errors import InvalidFeedRequest, InvalidPageToken

if TYPE_CHECKING:
    from pixel_social.domain.images.image import Image

MAX_FILTER_CHARACTERS = 200
MAX_TOKEN_CHARACTERS = 400
FINGERPRINT_BYTES = 6
MAX_BIGINT = 2**63 - 1


class Sort(StrEnum):
    """Orders of the feed; ties go to the greater id, which is the newer image."""

    RECENT = "recent"
    POPULAR = "popular"
    TRENDING = "trending"


@dataclass(frozen=True)
class FeedFilter:
    """Filter of public images; None means all."""

    model: str | None = None
    style: str | None = None
    user_id: UUID | None = None
    made_from: datetime | None = None
    """Inclusive."""
    made_before: datetime | None = None
    """Exclusive."""


@dataclass(frozen=True)
class Position:
    """The last image of a page: its rank in the order, then its id."""

    rank: datetime | int | float
    id: UUID


@dataclass(frozen=True)
class FeedPage:
    """One validated page request."""

    sort: Sort
    filter: FeedFilter
    limit: int
    after: Position | None = None
    offset: int = 0


def rank_of(image: Image, sort: Sort) -> datetime | int | float:
    """Return the sort key of the order."""
    match sort:
        case Sort.RECENT:
            return image.created_at
        case Sort.POPULAR:
            return image.like_count
        case Sort.TRENDING:
            return image.hot


def feed_page(*, sort: Sort, feed_filter: FeedFilter, page_size: int, page: int, token: str) -> FeedPage:
    """Validate a page request; raise InvalidFeedRequest with every invalid field, or InvalidPageToken."""
    violations = [*_page_violations(page_size, page, token), *_filter_violations(feed_filter)]
    if violations:
        raise InvalidFeedRequest(violations[0].message, violations=tuple(violations))
    limit = page_size or 20
    after = read_token(token, sort, feed_filter) if token else None
    return FeedPage(sort, feed_filter, limit, after, offset=limit * max(0, page - 1))


def write_token(last: Image, sort: Sort, feed_filter: FeedFilter) -> str:
    """Return the page token of the position after `last`; it is valid for this order and filter only."""
    rank = rank_of(last, sort)
    shown = rank.isoformat() if isinstance(rank, datetime) else rank
    body = json.dumps([sort.value, shown, last.id.hex, _fingerprint(feed_filter)], separators=(",", ":"))
    return base64.urlsafe_b64encode(body.encode()).rstrip(b"=").decode()


def read_token(token: str, sort: Sort, feed_filter: FeedFilter) -> Position:
    """Return the position of a token; raise InvalidPageToken when it is malformed or belongs to another list."""
    if len(token) > MAX_TOKEN_CHARACTERS:
        raise InvalidPageToken
    try:
        padded = token.encode("ascii") + b"=" * (-len(token) % 4)
        word, rank, image_id, fingerprint = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        position = Position(_rank(rank, sort), UUID(hex=image_id))
    except (ValueError, TypeError, AttributeError, RecursionError, binascii.Error) as error:
        raise InvalidPageToken from error
    if (word, fingerprint) != (sort.value, _fingerprint(feed_filter)):
        raise InvalidPageToken("The page token belongs to another order or filter.")
    return position


def _rank(value: object, sort: Sort) -> datetime | int | float:
    match sort:
        case Sort.RECENT if isinstance(value, str):
            return datetime.fromisoformat(value).astimezone(UTC)
        case Sort.POPULAR if type(value) is int and 0 <= value <= MAX_BIGINT:
            return value
        case Sort.TRENDING if type(value) is float and math.isfinite(value):
            return value
    raise ValueError(value)


def _fingerprint(feed_filter: FeedFilter) -> str:
    facts = json.dumps([str(fact) for fact in vars(feed_filter).values()])
    return hashlib.blake2b(facts.encode(), digest_size=FINGERPRINT_BYTES).hexdigest()


def _page_violations(page_size: int, page: int, token: str) -> list[Violation]:
    violations = []
    if not 0 <= page_size <= MAX_PAGE_SIZE:
        violations.append(Violation("limit", f"must be from 1 to {MAX_PAGE_SIZE}"))
    if not 0 <= page <= MAX_PAGE:
        violations.append(Violation("page", f"must be from 1 to {MAX_PAGE}; follow the page token to go deeper"))
    if page and token:
        violations.append(Violation("page", "cannot be given together with a page token"))
    return violations


def _filter_violations(feed_filter: FeedFilter) -> list[Violation]:
    violations = []
    for field, word in (("model", feed_filter.model), ("style", feed_filter.style)):
        if word is not None and (len(word) > MAX_FILTER_CHARACTERS or "\x00" in word):
            violations.append(Violation(field, f"must have at most {MAX_FILTER_CHARACTERS} characters and no NUL"))
    start, end = feed_filter.made_from, feed_filter.made_before
    if start is not None and end is not None and start >= end:
        violations.append(Violation("from", "must be before the end of the range"))
    return violations
