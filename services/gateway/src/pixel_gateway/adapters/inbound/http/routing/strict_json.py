"""Strict JSON bodies: duplicate names, depth, unknown fields and invalid numbers are refused with their path."""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, cast

import msgspec
from pixel_errors import Violation

from pixel_gateway.adapters.inbound.http.routing.errors import (
    InvalidRequest,
    MalformedJson,
    Pointer,
    UnsupportedContentType,
)

if TYPE_CHECKING:
    from collections.abc import Hashable

MAX_DEPTH = 32

_MAX_INT_CHARS = 20
_TOKENS = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)
_ESCAPES_TO_CHECK = re.compile(rb"\\u(?:[dD][89a-fA-F]|0000)")
_CONTENT_TYPE = re.compile(r"application/(?:[a-z0-9.+-]*\+)?json\s*(?:;\s*charset=\"?utf-?8\"?\s*)?", re.IGNORECASE)
_AT = re.compile(r"(?P<message>.*) - at (?:`key` in )?`\$(?P<path>.*)`$", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(?P<name>.*)`", re.DOTALL)
_RESERVED_NAMES = frozenset({"__proto__", "constructor", "prototype"})

T = TypeVar("T")


def require_json(headers: dict[str, str]) -> None:
    """Raise UnsupportedContentType unless the body is announced as JSON in UTF-8."""
    if not _CONTENT_TYPE.fullmatch(headers.get("content-type", "").strip()):
        raise UnsupportedContentType("Send the body as application/json in UTF-8.")
    if headers.get("content-encoding", "identity") != "identity":
        raise UnsupportedContentType("Send the body without a content encoding.")


def decode(body: bytes, target: type[T]) -> T:
    """Return the body as the target struct; raise MalformedJson or InvalidRequest with the path."""
    content = parse(body)
    if not isinstance(content, dict):
        raise InvalidRequest("The body has to be a JSON object.")
    if target.__struct_config__.forbid_unknown_fields:  # type: ignore[attr-defined]  # a struct
        _refuse_unknown(content, target)
    try:
        found = msgspec.convert(content, target)
    except msgspec.ValidationError as error:
        raise invalid(error) from None
    _check_times(found, ())
    return found


def parse(body: bytes) -> Any:
    """Return the JSON value of a body; raise MalformedJson, or InvalidRequest for values that no endpoint accepts."""
    if not body.strip():
        raise MalformedJson("The body is empty.")
    _check_depth(body)
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise MalformedJson("The body is not UTF-8.") from None
    if text.startswith("\ufeff") or "\x00" in text:
        raise MalformedJson("The body has to be UTF-8 without a byte order mark.")
    try:
        content = _decoder.decode(text)
    except json.JSONDecodeError as error:
        raise MalformedJson(f"The body is not JSON: {error.msg} at character {error.pos}.") from None
    if _ESCAPES_TO_CHECK.search(body):
        _check_text(content, ())
    return content


def invalid(error: msgspec.ValidationError) -> InvalidRequest:
    """Return the error of a validation failure, with its field."""
    text = str(error)
    at = _AT.fullmatch(text)
    message, path = (at["message"], at["path"]) if at else (text, "")
    missing = _MISSING.fullmatch(message)
    if missing:
        path, message = f"{path}.{missing['name']}", "is required"
    field = path.strip(".")
    # The names in such a path are those of the struct; names from the sender are shown as `[...]`.
    parts = [part for part in re.split(r"[.\[\]]", field) if part]
    return InvalidRequest(f"{field or 'body'}: {message}", violations=(Violation(Pointer.to(*parts), message),))


def _check_depth(body: bytes) -> None:
    if body.count(b"[") + body.count(b"{") <= MAX_DEPTH:
        return
    depth = 0
    for token in _TOKENS.finditer(body):
        mark = token[0]
        if mark in (b"[", b"{"):
            depth += 1
            if depth > MAX_DEPTH:
                raise MalformedJson(f"The body may be nested at most {MAX_DEPTH} deep.")
        elif mark in (b"]", b"}"):
            depth -= 1


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise MalformedJson(f"The name {_short(twice)} is given twice in one object.")
    if not _RESERVED_NAMES.isdisjoint(content):
        name = next(iter(_RESERVED_NAMES.intersection(content)))
        raise InvalidRequest(f"The name {name} is not accepted.", violations=(Violation(name, "is not accepted"),))
    return content


def _int(digits: str) -> int:
    if len(digits) > _MAX_INT_CHARS:
        raise InvalidRequest(f"The number {digits[:12]}… is too large.")
    return int(digits)


def _float(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise InvalidRequest(f"The number {digits[:12]} is too large.")
    return number


def _constant(word: str) -> float:
    raise MalformedJson(f"{word} is not JSON.")


def _check_times(found: Any, path: tuple[str, ...]) -> None:
    """Refuse times near the ends of the calendar that have no UTC time."""
    for name, public in zip(found.__struct_fields__, found.__struct_encode_fields__, strict=True):
        value = getattr(found, name)
        if isinstance(value, datetime):
            try:
                value.astimezone(UTC)
            except OverflowError:
                message = "is outside the range of UTC times"
                pointer = Pointer.to(*path, public)
                raise InvalidRequest(f"{public} {message}.", violations=(Violation(pointer, message),)) from None
        elif isinstance(value, msgspec.Struct):
            _check_times(value, (*path, public))


def _check_text(content: Any, path: tuple[str | int, ...]) -> None:
    """Refuse lone surrogates, which UTF-8 cannot encode, and NUL, which PostgreSQL text cannot store."""
    match content:
        case str():
            if "\x00" in content or any("\ud800" <= char <= "\udfff" for char in content):
                message = "holds a character that is not text (a lone surrogate or NUL)"
                place = Pointer.to(*path)
                raise InvalidRequest(f"{place or 'body'}: {message}", violations=(Violation(place, message),))
        case dict():
            for name, value in content.items():
                _check_text(name, path)
                _check_text(value, (*path, name))
        case list():
            for index, value in enumerate(content):
                _check_text(value, (*path, index))


def _refuse_unknown(content: dict[str, Any], target: type[Any]) -> None:
    accepted = _accepted_names(cast("Hashable", target))
    unknown = [name for name in content if name not in accepted]
    if unknown:
        message = f"is not accepted here; accepted are {', '.join(accepted)}"
        violations = tuple(Violation(_short(name), message) for name in unknown[:10])
        raise InvalidRequest(f"Unknown field {_short(unknown[0])}: it {message}.", violations=violations)


_decoder = json.JSONDecoder(object_pairs_hook=_object, parse_int=_int, parse_float=_float, parse_constant=_constant)


@cache
def _accepted_names(target: Hashable) -> tuple[str, ...]:
    return tuple(each.encode_name for each in msgspec.structs.fields(target))  # type: ignore[arg-type]  # a struct


def _short(name: str) -> str:
    safe = name.encode("utf-8", "replace").decode()
    return safe if len(safe) <= 64 else f"{safe[:64]}…"  # noqa: PLR2004
