"""Metadata is checked, object keys have one form, URLs stay the same for an hour."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pixel_limits.media import STORE_ASSET_HEADER_SIZE_BYTES_LTE as MAX_BYTES
from pixel_media.domain.assets.addresses import ADDRESS_LIFE_S, signing_time
from pixel_media.domain.assets.content import Content, format_of
from pixel_media.domain.assets.object_keys import asset_of, key_of, keys_of
from pixel_media.domain.errors import AssetInvalid, ContentMismatch, ImageTooLarge, UnsupportedImage
from pixel_media.domain.renditions.rendition import ImageFormat, RenditionKind
from pixel_runtime.ids import new_id

from tests.fakes.media import PNG, facts_of


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sha256", "0" * 63),
        ("sha256", "A" * 64),
        ("sha256", "0" * 64 + "\n"),
        ("size_bytes", 0),
        ("size_bytes", -1),
        ("tags", ("",)),
        ("tags", ("x" * 65,)),
        ("tags", ("a\nb",)),
        ("tags", ("x",) * 21),
    ],
)
def test_malformed_metadata_names_the_invalid_field(field, value):
    with pytest.raises(AssetInvalid) as error:
        facts_of(PNG, **{field: value})
    assert [violation.field for violation in error.value.violations] == [field]


def test_more_than_50_megabytes_are_too_large_before_a_byte_was_sent():
    facts_of(PNG, size_bytes=MAX_BYTES)
    with pytest.raises(ImageTooLarge):
        facts_of(PNG, size_bytes=MAX_BYTES + 1)


def test_object_keys_have_the_prefix_of_their_kind_and_contain_the_asset_id():
    asset_id = new_id()
    assert key_of(asset_id, RenditionKind.ORIGINAL, ImageFormat.JPEG) == f"images/original/{asset_id.hex}.jpg"
    assert key_of(asset_id, RenditionKind.THUMBNAIL, ImageFormat.PNG) == f"images/thumbnails/{asset_id.hex}.webp"
    assert key_of(asset_id, RenditionKind.PREVIEW, ImageFormat.PNG) == f"images/previews/{asset_id.hex}.webp"
    assert len(keys_of(asset_id)) == 5
    assert {asset_of(key) for key in keys_of(asset_id)} == {asset_id}


@pytest.mark.parametrize("key", ["images/original/a.png", "images/gemini/x.png", "images/", "videos/source/x.mp4"])
def test_a_foreign_object_key_has_no_asset(key):
    assert asset_of(key) is None


@pytest.mark.parametrize("seconds", [0, 1, 1800, 3599])
def test_urls_of_one_hour_are_signed_at_its_start_and_valid_for_one_to_two_hours(seconds):
    hour = datetime(2026, 5, 4, 10, tzinfo=UTC)
    now = hour + timedelta(seconds=seconds)
    assert signing_time(now) == hour
    left_s = (signing_time(now) + timedelta(seconds=ADDRESS_LIFE_S) - now).total_seconds()
    assert 3600 < left_s <= 7200


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (PNG, ImageFormat.PNG),
        (b"\xff\xd8\xff\xe0", ImageFormat.JPEG),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", ImageFormat.WEBP),
    ],
)
def test_the_format_is_found_from_the_content(data, expected):
    assert format_of(data) is expected


@pytest.mark.parametrize("data", [b"", b"\x89PNG", b"RIFF\x00\x00\x00\x00AVI ", b"<svg/>", b"GIF89a"])
def test_other_content_is_not_supported(data):
    with pytest.raises(UnsupportedImage):
        format_of(data)


def test_content_is_complete_when_size_and_hash_fit():
    content = Content(facts_of(b"onetwo"))
    content.add(b"one")
    content.add(b"")
    content.add(b"two")
    assert content.complete() == b"onetwo"


def test_content_is_refused_as_soon_as_it_is_too_long():
    content = Content(facts_of(b"one"))
    content.add(b"one")
    with pytest.raises(ContentMismatch):
        content.add(b"t")


@pytest.mark.parametrize("data", [b"", b"on", b"eno"])
def test_content_that_is_short_or_different_is_refused(data):
    content = Content(facts_of(b"one"))
    content.add(data)
    with pytest.raises(ContentMismatch):
        content.complete()
