"""The work that a job is for: all that the engine knows of it, whatever its kind.

A kind is a frozen dataclass in a file of its own beside this one. It says what was asked for, whether that can be made,
how much it is, and how its progress reads; who runs it is its runner.
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

    from pixel_generation.domain.jobs.job import Adjustment, Stage
    from pixel_generation.domain.routing.catalogue import Model


class Stored(Protocol):
    """Work as it is kept."""

    kind: ClassVar[str]
    """Name of the kind, for good: it stands beside the work wherever that is stored or sent."""

    def as_dict(self) -> dict[str, Any]:
        """Return the fields by name; the class takes them back as arguments."""

    def fingerprint(self) -> bytes:
        """Digest of what was asked; equal requests under one idempotency key have equal digests."""

    def redacted(self) -> dict[str, Any]:
        """Tell operators what was asked for without the texts of the user."""


class Routed(Protocol):
    """Work as a model is found for it. `quality` and `size` are the words that rules of prices may name."""

    needs: ClassVar[str]
    """Capability of a provider."""

    @property
    def model(self) -> str:
        """Id or alias; empty means the default."""

    @property
    def quality(self) -> str: ...

    @property
    def size(self) -> str: ...

    @property
    def units(self) -> int:
        """Return how much is asked for, counted as it is priced."""

    def violations(self) -> Iterable[Violation]:
        """Return what is wrong with it whatever the model."""

    def fit(self, model: Model, *, adjust: bool = False) -> Fit:
        """Fill in what is left open, check the rest; with `adjust`, change what the model cannot make and list it."""

    def moved_to(self, model: Model) -> Self:
        """Return it as it is asked of another model; what was drawn for the one before may be dropped."""

    def drawn(self, model: Model, draw_seed: Callable[[], int]) -> Self:
        """Settle what is left to chance."""


class Followed(Protocol):
    """Work as its user follows it."""

    is_durable: ClassVar[bool]
    """Its runs go on where the one before was lost: every paid call is a step that is stored. Outputs are kept then."""

    def progress(self, delivered: int) -> int:
        """Return the percent of a run that has delivered so many units, unless its runner says it."""

    def step(self, stage: Stage, delivered: int) -> str:
        """Return what a run does while it starts, generates or uploads, unless its runner says it."""


class Work(Stored, Routed, Followed, Protocol):
    """What a user asks for, in the words of one kind."""


@dataclass(frozen=True)
class Fit:
    """What a model would make of a request; complete when there are no violations."""

    work: Work
    adjustments: tuple[Adjustment, ...] = ()
    violations: tuple[Violation, ...] = ()


class Kinds:
    """The kinds of work that this process knows, by name."""

    def __init__(self, *kinds: type[Work]) -> None:
        self._by_name: dict[str, Callable[..., Work]] = {kind.kind: kind for kind in kinds}
        self.names = tuple(sorted(self._by_name))

    def read(self, kind: str, fields: Mapping[str, Any]) -> Work:
        """Return stored work; raise KindNotAvailable, which names those there are."""
        known = self._by_name.get(kind)
        if known is None:
            raise KindNotAvailable.of(kind, self.names)
        return known(**fields)


def digest(fields: Mapping[str, Any]) -> bytes:
    """Digest of fields that JSON can hold, in whatever order."""
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
