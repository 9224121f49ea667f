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


class Priced(Protocol):
    """Work as rules of prices see it.

    `model` is an id or alias, empty for the default one; `quality` and `size` are words that a rule may name; `units`
    is how much is asked for, counted as it is priced.
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
    """Work as a model is found for it."""

    needs: ClassVar[str]
    """Capability of a provider."""

    def violations(self) -> Iterable[Violation]:
        """Return what is wrong with it whatever the model."""

    def fit(self, model: Model, *, adjust: bool = False) -> Fit:
        """Fill in what is left open and check the rest; with `adjust`, list what had to be changed for the model."""

    def moved_to(self, model: Model) -> Self:
        """Return it as it is asked of another model; what was drawn for the one before may be dropped."""

    def drawn(self, model: Model, draw_seed: Callable[[], int]) -> Self:
        """Return it with what is left to chance settled."""


class Followed(Protocol):
    """Work as its user follows it."""

    is_durable: ClassVar[bool]
    """A run goes on where the one before was lost: every paid call is a stored step, and outputs are kept."""

    def progress(self, delivered: int) -> int:
        """Return the percent of a run that has delivered so many units, unless its runner says it."""

    def step(self, stage: Stage, delivered: int) -> str:
        """Return what a run does while it starts, generates or uploads, unless its runner says it."""


class Work(Priced, Fitted, Followed, Protocol):
    """What a user asks for, in the words of one kind."""

    kind: ClassVar[str]
    """Name of the kind, for good: it stands beside the work wherever that is stored or sent."""

    def as_dict(self) -> dict[str, Any]:
        """Return the fields by name; the class takes them back as arguments."""

    def fingerprint(self) -> bytes:
        """Return a digest of what was asked; equal requests under one idempotency key have equal digests."""

    def redacted(self) -> dict[str, Any]:
        """Return what operators may see: all but the texts of the user."""


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
    """Return a digest of fields that JSON can hold, in whatever order."""
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
