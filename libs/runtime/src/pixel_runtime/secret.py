"""Values that must not appear in output."""

from __future__ import annotations

import hmac

HIDDEN = "***"


class Secret:
    """A secret text: printed as `***`, read with `reveal()`, falsy when empty."""

    __slots__ = ("_value",)

    def __init__(self, value: str = "") -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the text itself; never log, print or store the result."""
        return self._value

    def __repr__(self) -> str:
        return HIDDEN if self._value else ""

    __str__ = __repr__

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> str:
        raise TypeError("a Secret is not pickled")
