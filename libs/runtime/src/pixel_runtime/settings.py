"""Settings from the environment, secret files and an optional TOML file, into one frozen dataclass.

The field `metrics_address` is read from `PIXEL_METRICS_ADDRESS`. `field(metadata={"env": (...)})` adds names:
those that begin with `PIXEL_` belong to one service (`PIXEL_MEDIA_METRICS_ADDRESS`) and override it, others are shared
with other programs (`KAFKA_BROKERS`) and come last. Each is also read as `NAME_FILE` (the path of a file with the
value). The key `metrics_address` of the TOML file has the lowest precedence.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import re
import tomllib
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, Union, get_args, get_origin, get_type_hints

from pixel_runtime.secret import HIDDEN, Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from _typeshed import DataclassInstance

__all__ = ["Secret", "SettingsError", "describe", "load_settings"]

T = TypeVar("T", bound="DataclassInstance")

_PREFIX = "PIXEL_"
_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})
_PASSWORD_IN_URL = re.compile(r"(://[^/\s:@]*):[^/\s@]*@")
_PASSWORD_IN_DSN = re.compile(r"(\bpassword\s*=\s*)('[^']*'|\S+)", re.IGNORECASE)


class SettingsError(ValueError):
    """Invalid settings; `problems` has one line for each."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(["the settings cannot be used:", *(f"  {problem}" for problem in problems)]))


def load_settings(cls: type[T], *, environ: Mapping[str, str], file: Path | None = None) -> T:
    """Build the settings; raise one SettingsError that names every invalid variable and key."""
    problems: list[str] = []
    hints = get_type_hints(cls)
    in_file = _read_file(cls, file, problems)
    values: dict[str, Any] = {}
    for field in dataclasses.fields(cls):
        target = hints[field.name]
        try:
            found = _from_environ(field, environ)
            if found is not None:
                name, text = found
                if text or not _empty_means_unset(target):
                    values[field.name] = _named(name, _from_text, target, text)
                    continue
            if field.name in in_file:
                values[field.name] = _named(f"{file}: {field.name}", _from_toml, target, in_file[field.name])
        except ValueError as error:
            problems.append(str(error))
    if problems:
        raise SettingsError(problems)
    try:
        return cls(**values)
    except ValueError as error:
        raise SettingsError([str(error)]) from error


def describe(settings: DataclassInstance) -> list[tuple[str, str, bool]]:
    """Return (variable, value, is the default) for display; hides secrets and passwords inside addresses."""
    rows = []
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        rows.append((_names(field)[0], _shown(value), value == _default(field)))
    return rows


def _names(field: dataclasses.Field[Any]) -> tuple[str, ...]:
    """Return the variables of a field, the most specific first."""
    aliases = field.metadata.get("env", ())
    if isinstance(aliases, str):
        aliases = (aliases,)
    ours = [name for name in aliases if name.startswith(_PREFIX)]
    shared = [name for name in aliases if not name.startswith(_PREFIX)]
    return (*ours, _PREFIX + field.name.upper(), *shared)


def _default(field: dataclasses.Field[Any]) -> object:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ",".join(_shown(item) for item in value)
    if value is None:
        return ""
    text = _PASSWORD_IN_URL.sub(rf"\1:{HIDDEN}@", str(value))
    return _PASSWORD_IN_DSN.sub(rf"\1{HIDDEN}", text)


def _from_environ(field: dataclasses.Field[Any], environ: Mapping[str, str]) -> tuple[str, str] | None:
    """Return the variable that sets the field and its text; the first name with a value wins."""
    for name in _names(field):
        path = environ.get(f"{name}_FILE")
        if name in environ and path:
            raise ValueError(f"{name}: set both as {name} and as {name}_FILE; keep one")
        if name in environ:
            return name, environ[name]
        if path:
            return f"{name}_FILE", _read_value(f"{name}_FILE", Path(path))
    return None


def _read_value(name: str, path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{name}: cannot read {path}: {_why(error)}") from error
    if not text:
        raise ValueError(f"{name}: {path} is empty")
    return text


def _read_file(cls: type[DataclassInstance], file: Path | None, problems: list[str]) -> dict[str, Any]:
    if file is None:
        return {}
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        problems.append(f"{file}: {_why(error)}")
        return {}
    known = [field.name for field in dataclasses.fields(cls)]
    for key in table.keys() - set(known):
        near = difflib.get_close_matches(key, known, n=1)
        problems.append(f"{file}: unknown key {key}" + (f"; did you mean {near[0]}?" if near else ""))
    return table


def _why(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _named(name: str, convert: Callable[[Any, Any], Any], target: Any, raw: Any) -> Any:
    """Convert; prefix an error with the name of the variable or key. The value itself is not shown."""
    try:
        return convert(target, raw)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def _optional(target: Any) -> Any:
    """Return X for `X | None`, else None."""
    if get_origin(target) in (Union, types.UnionType):
        inner = [argument for argument in get_args(target) if argument is not type(None)]
        if len(inner) == 1:
            return inner[0]
    return None


def _empty_means_unset(target: Any) -> bool:
    # Compose files pass `${NAME:-}` for secrets that are not set.
    return (_optional(target) or target) is Secret


def _from_text(target: Any, text: str) -> Any:
    inner = _optional(target)
    if inner is not None:
        return _from_text(inner, text) if text else None
    if get_origin(target) is tuple:
        return tuple(item for part in text.split(",") if (item := part.strip()))
    converter = _CONVERTERS.get(target)
    if converter is None:
        raise TypeError(f"settings of type {target!r} are not supported")
    return converter(text.strip() if target is not Secret else text)


def _from_toml(target: Any, value: Any) -> Any:
    target = _optional(target) or target
    if get_origin(target) is tuple:
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise ValueError("expected a list of strings")
        return tuple(value)
    accepted: dict[Any, tuple[type, ...]] = {int: (int,), float: (int, float), bool: (bool,)}
    if not isinstance(value, accepted.get(target, (str,))) or (isinstance(value, bool) and target is not bool):
        raise ValueError(f"expected {_WORDS.get(target, 'a string')}")
    return _from_text(target, value if isinstance(value, str) else str(value))


def _text(text: str) -> str:
    return text


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError("expected a whole number") from None


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError("expected a number")
    return value


def _truth(text: str) -> bool:
    word = text.lower()
    if word not in _TRUE | _FALSE:
        raise ValueError("expected true or false")
    return word in _TRUE


def _path(text: str) -> Path:
    if not text:
        raise ValueError("expected a path")
    return Path(text).expanduser()


_CONVERTERS: dict[Any, Callable[[str], Any]] = {
    str: _text,
    int: _whole,
    float: _number,
    bool: _truth,
    Path: _path,
    Secret: Secret,
}
_WORDS: dict[Any, str] = {int: "a whole number", float: "a number", bool: "true or false"}
