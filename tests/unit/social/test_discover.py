from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pixel_social.application.feed.discover import Discover, discover
from pixel_social.domain.errors import InvalidFeedRequest, InvalidPageToken
from pixel_social.domain.feed.feed import FeedFilter, Sort, rank_of, read_token, write_token
from pixel_social.domain.images.image import hot_score

from tests.fakes.social import FakeFeed, FakeStore, make_image_set

NEWEST_FIRST = list(range(25, 0, -1))


@pytest.fixture
async def store():
    store = FakeStore()
    async with store.transaction() as tx:
        for number in range(1, 26):
            await tx.add_set(
                make_image_set(
                    number, model="a" if number % 2 else "b", style="ink" * (number % 3 == 0), likes=number % 5
                )
            )
        await tx.add_set(make_image_set(99, private=True))
    return store


@pytest.fixture
def feed(store):
    return FakeFeed(store)


def numbers(found) -> list[int]:
    return [image.id.int >> 64 for image in found.images]


async def walk(feed, **facts) -> list[int]:
    seen, token = [], ""
    while True:
        found = await discover(Discover(page_size=4, page_token=token, **facts), feed=feed)
        seen += numbers(found)
        token = found.next_page_token
        if not token:
            return seen


async def test_the_feed_shows_public_pictures_newest_first(feed):
    assert numbers(await discover(Discover(page_size=100), feed=feed)) == NEWEST_FIRST


@pytest.mark.parametrize("sort", list(Sort))
async def test_following_the_page_token_returns_every_image_once(feed, sort):
    seen = await walk(feed, sort=sort)
    assert sorted(seen, reverse=True) == NEWEST_FIRST


async def test_popular_orders_by_likes_then_newest(feed):
    found = await discover(Discover(sort=Sort.POPULAR, page_size=6), feed=feed)
    assert numbers(found) == [24, 19, 14, 9, 4, 23]


async def test_page_numbers_and_tokens_give_the_same_pages(feed):
    by_number = []
    for page in range(1, 8):
        by_number += numbers(await discover(Discover(page_size=4, page=page), feed=feed))
    assert by_number == await walk(feed) == NEWEST_FIRST


async def test_a_picture_made_while_paging_neither_repeats_nor_hides_another(store, feed):
    first = await discover(Discover(page_size=4), feed=feed)
    async with store.transaction() as tx:
        await tx.add_set(make_image_set(50))
    second = await discover(Discover(page_size=4, page_token=first.next_page_token), feed=feed)
    assert numbers(first) + numbers(second) == NEWEST_FIRST[:8]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (FeedFilter(model="b"), [n for n in NEWEST_FIRST if n % 2 == 0]),
        (FeedFilter(style="ink"), [n for n in NEWEST_FIRST if n % 3 == 0]),
        (FeedFilter(model="a", style="ink"), [21, 15, 9, 3]),
        (FeedFilter(user_id=UUID(int=7)), []),
        (FeedFilter(made_from=datetime(2026, 1, 1, 0, 24, tzinfo=UTC)), [25, 24]),
        (FeedFilter(made_before=datetime(2026, 1, 1, 0, 3, tzinfo=UTC)), [2, 1]),
    ],
)
async def test_filters_narrow_the_feed(feed, wanted, expected):
    assert await walk(feed, filter=wanted) == expected


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"page_size": 101}, "limit"),
        ({"page_size": -1}, "limit"),
        ({"page": 501}, "page"),
        ({"page": -1}, "page"),
        ({"page": 2, "page_token": "abc"}, "page"),
        ({"filter": FeedFilter(model="m" * 201)}, "model"),
        ({"filter": FeedFilter(style="a\x00b")}, "style"),
        (
            {
                "filter": FeedFilter(
                    made_from=datetime(2026, 1, 2, tzinfo=UTC), made_before=datetime(2026, 1, 1, tzinfo=UTC)
                )
            },
            "from",
        ),
    ],
)
async def test_a_bad_page_request_names_the_field(feed, facts, field):
    with pytest.raises(InvalidFeedRequest) as rejection:
        await discover(Discover(**facts), feed=feed)
    assert [violation.field for violation in rejection.value.violations] == [field]


def forged(*facts: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(facts).encode()).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "token",
    [
        "x",
        "äöü",
        "!!!!",
        "A" * 5000,
        forged(),
        forged(1, 2, 3, 4),
        forged("recent", "yesterday", "0" * 32, "f"),
        forged("recent", None, "0" * 32, "f"),
        forged("recent", "2026-01-01T00:00:00+00:00", "not hex", "f"),
        forged("recent", "2026-01-01T00:00:00+00:00", "0" * 32, "wrong filter"),
        base64.urlsafe_b64encode(b"[" * 200).decode(),
    ],
)
async def test_a_malformed_token_is_refused(feed, token):
    with pytest.raises(InvalidPageToken):
        await discover(Discover(page_token=token), feed=feed)


async def test_a_token_fits_only_the_order_and_filter_it_was_made_for(feed):
    token = (await discover(Discover(page_size=4), feed=feed)).next_page_token
    with pytest.raises(InvalidPageToken):
        await discover(Discover(sort=Sort.POPULAR, page_token=token), feed=feed)
    with pytest.raises(InvalidPageToken):
        await discover(Discover(filter=FeedFilter(model="a"), page_token=token), feed=feed)


@given(st.text(max_size=300))
def test_any_text_as_a_token_is_valid_or_refused(text):
    for sort in Sort:
        try:
            read_token(text, sort, FeedFilter())
        except InvalidPageToken:
            continue


@given(number=st.integers(0, 10**6), likes=st.integers(0, 10**9), sort=st.sampled_from(Sort))
def test_a_page_token_returns_the_exact_position(number, likes, sort):
    image = make_image_set(number, likes=likes).images[0]
    position = read_token(write_token(image, sort, FeedFilter()), sort, FeedFilter())
    assert (position.rank, position.id) == (rank_of(image, sort), image.id)


def test_ten_times_the_interest_weighs_as_much_as_twelve_and_a_half_hours():
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert hot_score(now, likes=100) == pytest.approx(hot_score(now + timedelta(hours=12.5), likes=10))
    assert hot_score(now, comments=5) == hot_score(now, likes=10) == hot_score(now, views=1000)
