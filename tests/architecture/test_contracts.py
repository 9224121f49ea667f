"""The recorder of contract tests finds untested methods."""

from __future__ import annotations

from tests.contracts import Calls, methods_of


class Port:
    def read(self) -> int:
        return 0

    def write(self, value: int) -> None: ...
    def _private(self) -> None: ...


class Memory:
    def read(self) -> int:
        return 1

    def write(self, value: int) -> None: ...


class Inherits(Memory):
    """Inherits its methods."""


def recorded(*tests: tuple[str, type, str]) -> Calls:
    calls = Calls()
    for test, implementation, method in tests:
        calls.test = test
        with calls.recorded(implementation, method):
            getattr(implementation(), method)(*((1,) if method == "write" else ()))
    return calls


def test_the_public_methods_of_a_port_count() -> None:
    assert methods_of(Port) == ["read", "write"]


def test_a_method_that_no_test_called_is_missing() -> None:
    calls = recorded(("test_a", Memory, "read"))
    assert calls.missing([Memory], "read") == ""
    assert calls.missing([Memory], "write") == "write was not called on Memory"


def test_implementations_tested_separately_are_missing() -> None:
    apart = recorded(("test_a", Memory, "read"), ("test_b", Inherits, "read"))
    together = recorded(("test_a", Memory, "read"), ("test_a", Inherits, "read"))
    assert apart.missing([Memory, Inherits], "read") == "no test calls read on all implementations"
    assert together.missing([Memory, Inherits], "read") == ""


def test_recording_leaves_the_classes_as_they_were() -> None:
    before = Memory.read
    recorded(("test_a", Memory, "read"), ("test_a", Inherits, "read"))
    assert Memory.read is before
    assert "read" not in vars(Inherits)
