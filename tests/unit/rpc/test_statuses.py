from __future__ import annotations

import grpc.aio
import pytest
from grpc import StatusCode
from hypothesis import given
from hypothesis import strategies as st
from pixel_errors import KINDS, PixelError, Violation, restore
from pixel_rpc.statuses import DETAILS_KEY, from_call, to_status

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=50)


def there_and_back(error: PixelError) -> PixelError:
    status = to_status(error)
    metadata = grpc.aio.Metadata(*status.trailing_metadata)
    return from_call(grpc.aio.AioRpcError(status.code, grpc.aio.Metadata(), metadata, status.message))


errors = st.builds(
    restore,
    st.sampled_from(sorted(KINDS)),
    TEXT.filter(bool),
    TEXT.filter(bool),
    metadata=st.dictionaries(TEXT.filter(lambda key: key != "kind"), TEXT, max_size=16),
    violations=st.lists(st.builds(Violation, TEXT, TEXT), max_size=32).map(tuple),
    retry_after_s=st.none() | st.integers(0, 86_400_000).map(lambda milliseconds: milliseconds / 1000),
)


@given(errors)
def test_any_error_survives_encoding_and_decoding(sent):
    got = there_and_back(sent)
    assert type(got) is type(sent)
    assert (got.code, got.detail, got.metadata) == (sent.code, sent.detail, sent.metadata)
    assert got.violations == sent.violations
    assert got.retry_after_s == (None if sent.retry_after_s is None else pytest.approx(sent.retry_after_s))


def test_every_kind_has_its_own_status():
    assert len({to_status(kind()).code for kind in KINDS.values()}) == len(KINDS)


@given(detail=st.text(max_size=5000), text=st.text(max_size=2000), count=st.integers(0, 200))
def test_no_error_is_too_big_for_the_metadata(detail, text, count):
    metadata = {f"{text}{number}": text for number in range(count)}
    status = to_status(
        restore("invalid", text[:50], detail, metadata=metadata, violations=(Violation(text, text),) * count)
    )
    assert sum(len(value) for _, value in status.trailing_metadata) < 40_000


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (StatusCode.UNAVAILABLE, "unavailable"),
        (StatusCode.DEADLINE_EXCEEDED, "deadline"),
        (StatusCode.RESOURCE_EXHAUSTED, "exhausted"),
        (StatusCode.CANCELLED, "unavailable"),
        (StatusCode.ALREADY_EXISTS, "conflict"),
        (StatusCode.OUT_OF_RANGE, "invalid"),
        (StatusCode.UNIMPLEMENTED, "internal"),
        (StatusCode.UNKNOWN, "internal"),
        (StatusCode.DATA_LOSS, "internal"),
    ],
)
def test_a_status_of_the_transport_keeps_its_kind_and_no_text(code, kind):
    error = from_call(grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(), "ipv4:10.0.0.7:50051"))
    assert error.kind == kind
    assert "10.0.0.7" not in error.detail


@pytest.mark.parametrize("raw", [b"", b"garbage", b"\xff" * 40])
def test_foreign_details_keep_the_kind_of_the_status(raw):
    trailing = grpc.aio.Metadata((DETAILS_KEY, raw))
    error = from_call(grpc.aio.AioRpcError(StatusCode.NOT_FOUND, grpc.aio.Metadata(), trailing, "text"))
    assert error.kind == "not_found"
