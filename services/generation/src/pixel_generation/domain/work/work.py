"""The interface of work for the engine, common to all kinds.

A kind is a frozen dataclass in a separate file beside this one. It has the request, its validation, its units and its
progress messages; its runner runs it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self

from pixel_generation.domain.errors import KindNotAvailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pixel_errors import Violation

    from pixel_generation.domain.catalogue.catalogue import Model
    from pixel_generation.domain.work.adjustment import Adjustment
    from pixel_generation.domain.work.stage import Stage


class Priced(Protocol):
    """Work for pricing.

    `model` is an id or alias, empty for the default one; `quality` and `size` are values that a price rule may name;
    `units` is the requested amount in priced units.
    """

    @property
    def model(self) -> str: ...

    @property
    def quality(self) -> str: ...

    @property
    def size(self) -> str: ...

    @property
    def units(self) -> int: ...


class Fitted(Protocol):
    """Work for routing."""

    needs: ClassVar[str]
    """Required capability of a provider."""

    def violations(self) -> Iterable[Violation]:
        """Return the violations that hold for any model."""

    def fit(self, model: Model, *, adjust: bool = False) -> Fit:
        """Resolve omitted options and check the others; with `adjust`, list the changes made for the model."""

    def moved_to(self, model: Model) -> Self:
        """Return the request for another model; values drawn for the previous one may be dropped."""

    def drawn(self, model: Model, draw_seed: Callable[[], int]) -> Self:
        """Return it with its random values drawn."""


class Followed(Protocol):
    """Work for progress."""

    is_durable: ClassVar[bool]
    """Whether a run continues where the previous one was lost: paid calls are stored steps, outputs are kept."""

    def progress(self, delivered: int) -> int:
        """Return the percent of a run with this many delivered units, used unless its runner reports it."""

    def step(self, stage: Stage, delivered: int) -> str:
        """Return the message while a run starts, generates or uploads, used unless its runner reports it."""


class Work(Priced, Fitted, Followed, Protocol):
    """The requested work of one kind."""

    kind: ClassVar[str]
    """Permanent name of the kind, stored and sent beside the work."""

    def as_dict(self) -> dict[str, Any]:
        """Return the fields by name, as arguments of the class."""

    def fingerprint(self) -> bytes:
        """Return a digest of the request; equal requests with one idempotency key have equal digests."""

    def redacted(self) -> dict[str, Any]:
        """Return the fields for operators, without user text."""


@dataclass(frozen=True)
class Fit:
    """A request resolved for a model; complete without violations."""

    work: Work
    adjustments: tuple[Adjustment, ...] = ()
    violations: tuple[Violation, ...] = ()


class Kinds:
    """The registered kinds of work, by name."""

    def __init__(self, *kinds: type[Work]) -> None:
        self._by_name: dict[str, Callable[..., Work]] = {kind.kind: kind for kind in kinds}
        self.names = tuple(sorted(self._by_name))

    def read(self, kind: str, fields: Mapping[str, Any]) -> Work:
        """Return stored work; raise KindNotAvailable, which lists the known kinds."""
        known = self._by_name.get(kind)
        if known is None:
            raise KindNotAvailable.of(kind, self.names)
        return known(**fields)


def digest(fields: Mapping[str, Any]) -> bytes:
    """Return a digest of JSON fields, independent of their order."""
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
