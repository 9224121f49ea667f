"""Converts domain objects to public structs with the same field names."""

from __future__ import annotations

import dataclasses
from functools import cache
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeVar, cast

import msgspec

if TYPE_CHECKING:
    from collections.abc import Hashable

T = TypeVar("T")


def to_struct(source: object, target: type[T], /, **changed: Any) -> T:
    """Return a struct with the fields of the same name of the source; `changed` overrides them.

    An empty text becomes null where the struct allows null.
    """
    values = dict(changed)
    for name, is_nullable in _fields(cast("Hashable", target)):
        if name not in changed:
            value = getattr(source, name)
            values[name] = None if is_nullable and value == "" else value
    return msgspec.convert(SimpleNamespace(**values), target, from_attributes=True)


def same_fields(source: object, target: type, /) -> dict[str, Any]:
    """Return the fields of a dataclass that a struct has under the same name.

    An empty text becomes null where the struct allows null.
    """
    values = {}
    for name, is_nullable in _common_fields(cast("Hashable", type(source)), cast("Hashable", target)):
        value = getattr(source, name)
        values[name] = None if is_nullable and value == "" else value
    return values


@cache
def _common_fields(source: Hashable, target: Hashable) -> tuple[tuple[str, bool], ...]:
    names = {each.name for each in dataclasses.fields(source)}  # type: ignore[arg-type]  # a dataclass
    return tuple((name, is_nullable) for name, is_nullable in _fields(target) if name in names)


@cache
def _fields(target: Hashable) -> tuple[tuple[str, bool], ...]:
    """Return the fields of a struct, each with whether it allows null."""
    return tuple(
        (each.name, type(None) in getattr(each.type, "__args__", ()))
        for each in msgspec.structs.fields(target)  # type: ignore[arg-type]  # a struct
    )
