from __future__ import annotations

import pytest
from pixel_errors import KINDS, Exhausted, Internal, NotFound, PixelError, Violation, restore


class JobNotFound(NotFound):
    """There is no such job.

    More words for the reader of the code.
    """

    reason = "JOB_NOT_FOUND"


def test_there_are_ten_kinds_each_with_its_own_name_and_reason():
    assert len(KINDS) == 10
    assert len({kind.reason for kind in KINDS.values()}) == 10
    assert all(word == kind.kind for word, kind in KINDS.items())


def test_an_error_without_a_detail_uses_the_first_line_of_its_docstring():
    error = JobNotFound()
    assert (error.detail, str(error), error.code, error.kind) == (
        "There is no such job.",
        "There is no such job.",
        "JOB_NOT_FOUND",
        "not_found",
    )


def test_a_subclass_is_caught_as_its_kind():
    with pytest.raises(NotFound):
        raise JobNotFound("gen_1 is not here")


@pytest.mark.parametrize("word", sorted(KINDS))
def test_a_restored_error_has_its_kind_and_metadata(word):
    violations = (Violation("n", "expected 1 to 10"),)
    error = restore(word, "WHY", "detail", metadata={"a": "b"}, violations=violations, retry_after_s=2.5)
    assert type(error) is KINDS[word]
    assert (error.code, error.detail, error.metadata, error.violations, error.retry_after_s) == (
        "WHY",
        "detail",
        {"a": "b"},
        violations,
        2.5,
    )


def test_an_unknown_kind_is_restored_as_internal():
    assert type(restore("from_the_future", "X", "y")) is Internal


def test_two_errors_do_not_share_metadata():
    first, second = Exhausted(), Exhausted()
    first.metadata["limit"] = "10"
    assert second.metadata == {}


def test_the_base_error_is_internal():
    assert (PixelError("x").kind, PixelError("x").code) == ("internal", "INTERNAL")
