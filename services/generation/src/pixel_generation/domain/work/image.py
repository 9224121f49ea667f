"""Images from a text."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar

from pixel_errors import Violation
from pixel_limits.generation import IMAGE_WORK_CUSTOM_PROMPT_MAX_LEN, IMAGE_WORK_PROMPT_MAX_LEN
from pixel_limits.generation import IMAGE_WORK_NUMBER_OF_IMAGES_LTE as MAX_IMAGES
from pixel_limits.generation import IMAGE_WORK_SEED_LTE as MAX_SEED

from pixel_generation.domain.providers.text_to_image import TEXT_TO_IMAGE
from pixel_generation.domain.work.adjustment import Adjustment
from pixel_generation.domain.work.stage import Stage
from pixel_generation.domain.work.text import is_storable
from pixel_generation.domain.work.work import Fit, digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pixel_generation.domain.catalogue.catalogue import Model, Size

MAX_PROMPT_BYTES = 16_384
RATIO = re.compile(r"([1-9][0-9]{0,4}):([1-9][0-9]{0,4})", re.ASCII)
SIZE = re.compile(r"([1-9][0-9]{0,4})x([1-9][0-9]{0,4})", re.ASCII)
RATIO_TOLERANCE = 0.02
"""Sizes are multiples of 16, so 1344x768 is still 16:9."""
MAX_STYLE_CHARS = 100
CALLED, FIRST, LAST = 50, 60, 95
"""Percent once the provider is called, and the range in which images are delivered."""


@dataclass(frozen=True, slots=True)
class ImageWork:
    """A request for images; empty values mean the model's default."""

    kind: ClassVar[str] = "image"
    needs: ClassVar[str] = TEXT_TO_IMAGE
    is_durable: ClassVar[bool] = False

    prompt: str
    model: str = ""
    number_of_images: int = 1
    style: str = ""
    quality: str = ""
    aspect_ratio: str = ""
    size: str = ""
    custom_prompt: str = ""
    seed: int | None = None
    private: bool = False
    parameters: dict[str, Any] = field(default_factory=dict)

    @property
    def units(self) -> int:
        return self.number_of_images

    def as_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in _FIELDS}

    def fingerprint(self) -> bytes:
        return digest(self.as_dict())

    def redacted(self) -> dict[str, Any]:
        """Return the fields without prompt, custom prompt, style and values of options."""
        return {
            "model": self.model,
            "numberOfImages": self.number_of_images,
            "quality": self.quality,
            "aspectRatio": self.aspect_ratio,
            "size": self.size,
            "private": self.private,
            "promptCharacters": len(self.prompt),
            "customPromptCharacters": len(self.custom_prompt),
            "parameters": sorted(self.parameters),
        }

    def violations(self) -> Iterable[Violation]:
        return _violations(self)

    def fit(self, model: Model, *, adjust: bool = False) -> Fit:
        return _fit(self, model, adjust=adjust)

    def moved_to(self, model: Model) -> ImageWork:
        """Drop a seed that the model does not support: a requested one would have excluded the model."""
        return self if model.takes_seed else replace(self, seed=None)

    def drawn(self, model: Model, draw_seed: Callable[[], int]) -> ImageWork:
        return replace(self, seed=draw_seed()) if self.seed is None and model.takes_seed else self

    def progress(self, delivered: int) -> int:
        return min(FIRST + 35 * delivered // self.number_of_images, LAST) if delivered else CALLED

    def step(self, stage: Stage, delivered: int) -> str:
        match stage:
            case Stage.STARTING:
                return f"Making {self.number_of_images} image{'s' if self.number_of_images > 1 else ''}"
            case Stage.UPLOADING:
                return f"Uploading to storage ({delivered} of {self.number_of_images})"
            case _:
                return "AI is generating your images"


_FIELDS = tuple(each.name for each in fields(ImageWork))


def _violations(work: ImageWork) -> Iterable[Violation]:
    """Return the violations of texts and seed, for any model."""
    if not work.prompt.strip():
        yield Violation("prompt", f"The prompt is empty; expected 1 to {IMAGE_WORK_PROMPT_MAX_LEN} characters.")
    for name, text, most in (
        ("prompt", work.prompt, IMAGE_WORK_PROMPT_MAX_LEN),
        ("customPrompt", work.custom_prompt, IMAGE_WORK_CUSTOM_PROMPT_MAX_LEN),
    ):
        stripped = text.strip()
        if len(stripped) > most:
            yield Violation(name, f"{name} has {len(stripped)} characters; at most {most} are accepted.")
        elif len(stripped.encode("utf-8", "surrogatepass")) > MAX_PROMPT_BYTES:
            yield Violation(name, f"{name} has more than {MAX_PROMPT_BYTES} bytes of UTF-8.")
        if not is_storable(text):
            yield Violation(name, f"{name} contains a NUL character or half a surrogate pair.")
    if len(work.style) > MAX_STYLE_CHARS or not is_storable(work.style):
        yield Violation("style", f"A style is a word of at most {MAX_STYLE_CHARS} characters.")
    if work.seed is not None and not 0 <= work.seed <= MAX_SEED:
        yield Violation("seed", f"The seed is a whole number from 0 to {MAX_SEED}.")


def _fit(work: ImageWork, model: Model, *, adjust: bool = False) -> Fit:
    """Resolve omitted options and check the others; with `adjust`, change unsupported values and list them."""
    fitting = _Fitting(work, model, adjust)
    ratio, size = fitting.geometry()
    changes = {
        "number_of_images": fitting.number_of_images(),
        "style": fitting.style(),
        "quality": fitting.quality(),
        "parameters": fitting.parameters(),
        "seed": fitting.seed(),
    }
    fitted = replace(
        work,
        prompt=work.prompt.strip(),
        custom_prompt=work.custom_prompt.strip(),
        model=model.id,
        aspect_ratio=ratio,
        size="" if size is None else str(size),
        **changes,  # type: ignore[arg-type]
    )
    return Fit(fitted, tuple(fitting.adjustments), tuple(fitting.violations))


@dataclass
class _Fitting:
    """Collects violations by field."""

    work: ImageWork
    model: Model
    adjust: bool
    adjustments: list[Adjustment] = field(default_factory=list)
    violations: list[Violation] = field(default_factory=list)

    def number_of_images(self) -> int:
        asked, most = self.work.number_of_images, min(MAX_IMAGES, self.model.max_units)
        used = min(max(1, asked), most)
        if used != asked:
            self._settle("numberOfImages", asked, used, f"{self.model.id} makes 1 to {most} images at once.")
        return used

    def style(self) -> str:
        asked, accepted = self.work.style, self.model.styles
        if not asked or not accepted or asked in accepted:
            return asked
        self._settle("style", asked, "", f"{self.model.id} accepts these styles: {', '.join(accepted)}.")
        return ""

    def quality(self) -> str:
        asked, accepted = self.work.quality, self.model.qualities
        if not asked or asked in accepted:
            return asked
        words = ", ".join(accepted) or "none"
        self._settle("quality", asked, "", f"{self.model.id} accepts these qualities: {words}.")
        return ""

    def parameters(self) -> dict[str, object]:
        used = {}
        for name, value in self.work.parameters.items():
            words = self.model.parameters.get(name)
            if words is not None and value in words:
                used[name] = value
            elif words is not None:
                self._settle("parameters", f"{name}={value}", "", f"{name} accepts: {', '.join(words)}.")
            else:
                known = ", ".join(self.model.parameters) or "none"
                told = f"{self.model.id} does not know {name[:100]!r}; accepted parameters: {known}."
                self._settle("parameters", f"{name}={value}", "", told)
        return used

    def seed(self) -> int | None:
        if self.work.seed is None or self.model.takes_seed:
            return self.work.seed
        self._settle("seed", self.work.seed, "", f"{self.model.id} takes no seed.")
        return None

    def geometry(self) -> tuple[str, Size | None]:
        """Return ratio and size; a given size takes precedence over a given ratio."""
        asked_ratio, asked_size = self.work.aspect_ratio, self.work.size
        ratios = self.model.ratios
        if not asked_size:
            ratio = asked_ratio or next(iter(ratios))
            if ratio not in ratios:
                ratio = self._ratio_instead()
            return ratio, ratios.get(ratio)
        size = next((size for size in self.model.sizes if str(size) == asked_size), None) or self._size_instead()
        if size is None or not asked_ratio:
            return ("" if size is None else ratio_of(size, self.model)), size
        if RATIO.fullmatch(asked_ratio) and _agree(asked_ratio, size):
            return asked_ratio, size
        used = ratio_of(size, self.model)
        if self.adjust:
            self._settle("aspectRatio", asked_ratio, used, "")
        elif asked_ratio in ratios:
            told = f"The size {size} does not have the aspect ratio {asked_ratio}; send one of the two."
            self.violations.append(Violation("size", told))
        else:
            self._refuse_ratio()
        return used, size

    def _ratio_instead(self) -> str:
        asked = RATIO.fullmatch(self.work.aspect_ratio)
        if asked is None or not self.adjust:
            self._refuse_ratio()
            return ""
        wanted = _shape(int(asked[1]), int(asked[2]))

        def distance(ratio: str) -> float:
            return abs(_shape(*map(int, ratio.split(":"))) - wanted)

        used = min(self.model.ratios, key=distance)
        self._settle("aspectRatio", self.work.aspect_ratio, used, "")
        return used

    def _size_instead(self) -> Size | None:
        asked = SIZE.fullmatch(self.work.size)
        sizes = self.model.sizes
        if asked is None or not self.adjust:
            accepted = ", ".join(map(str, sizes))
            self.violations.append(Violation("size", f"{self.model.id} accepts these sizes: {accepted}."))
            return None
        width, height = int(asked[1]), int(asked[2])

        def distance(size: Size) -> tuple[bool, bool, float]:
            ratio = self.work.aspect_ratio
            other_ratio = ratio in self.model.ratios and not _agree(ratio, size)
            turned = _orientation(size.width, size.height) != _orientation(width, height)
            return other_ratio, turned, math.hypot(size.width - width, size.height - height)

        used = min(sizes, key=distance)
        self._settle("size", self.work.size, str(used), "")
        return used

    def _refuse_ratio(self) -> None:
        accepted = ", ".join(self.model.ratios)
        self.violations.append(Violation("aspectRatio", f"{self.model.id} accepts these aspect ratios: {accepted}."))

    def _settle(self, name: str, requested: object, used: object, rejection: str) -> None:
        if self.adjust:
            self.adjustments.append(Adjustment(name, str(requested)[:200], str(used)))
        else:
            self.violations.append(Violation(name, rejection))


def ratio_of(size: Size, model: Model) -> str:
    """Return the model's ratio of a size, or its reduced fraction."""
    for ratio in model.ratios:
        if _agree(ratio, size):
            return ratio
    divisor = math.gcd(size.width, size.height)
    return f"{size.width // divisor}:{size.height // divisor}"


def _agree(ratio: str, size: Size) -> bool:
    across, down = map(int, ratio.split(":"))
    return abs(size.width * down - size.height * across) <= RATIO_TOLERANCE * size.height * across


def _shape(width: int, height: int) -> float:
    """Twice as wide is as far from square as twice as high."""
    return math.log(width / height)


def _orientation(width: int, height: int) -> int:
    return (width > height) - (width < height)
