"""The one place that decides whether a request can be run, and what exactly will be made."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pixel_errors import Violation

from pixel_generation.domain.errors import ModelUnavailable, SpecInvalid
from pixel_generation.domain.spec import MAX_IMAGES, MAX_PROMPT_BYTES, MAX_PROMPT_CHARS, MAX_SEED, GenerationSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pixel_generation.domain.catalogue import Catalogue, Model, Size

SURROGATE = re.compile("[\ud800-\udfff]")
RATIO_TOLERANCE = 0.02
"""Sizes are multiples of 16, so 1344x768 is still 16:9."""


@dataclass(frozen=True)
class ResolvedSpec:
    """A request with nothing left open: canonical model, ratio, size and seed are filled in."""

    spec: GenerationSpec
    model: Model
    size: Size

    @property
    def cost_credits(self) -> int:
        return self.model.credits_per_image * self.spec.number_of_images


def resolve(spec: GenerationSpec, catalogue: Catalogue, draw_seed: Callable[[], int]) -> ResolvedSpec:
    """Validate and fill defaults; raise SpecInvalid with every violation, ModelNotFound or ModelUnavailable."""
    model = catalogue.find(spec.model)
    violations = [*_text_violations(spec), *_number_violations(spec, model), *_word_violations(spec, model)]
    try:
        ratio, size = _geometry(spec, model)
    except SpecInvalid as error:
        violations += error.violations
    if violations:
        raise SpecInvalid(violations[0].message, violations=tuple(violations))
    if not catalogue.is_available(model):
        raise ModelUnavailable(
            f"The provider of {model.id} is not configured on this server.", metadata={"model": model.id}
        )
    resolved = replace(
        spec,
        prompt=spec.prompt.strip(),
        custom_prompt=spec.custom_prompt.strip(),
        model=model.id,
        aspect_ratio=ratio,
        size=str(size),
        seed=draw_seed() if spec.seed is None else spec.seed,
    )
    return ResolvedSpec(resolved, model, size)


def _text_violations(spec: GenerationSpec) -> Iterable[Violation]:
    if not spec.prompt.strip():
        yield Violation("prompt", f"The prompt is empty; expected 1 to {MAX_PROMPT_CHARS} characters.")
    for name, text in (("prompt", spec.prompt), ("customPrompt", spec.custom_prompt)):
        stripped = text.strip()
        if len(stripped) > MAX_PROMPT_CHARS:
            yield Violation(name, f"{name} has {len(stripped)} characters; at most {MAX_PROMPT_CHARS} are accepted.")
        elif len(stripped.encode("utf-8", "surrogatepass")) > MAX_PROMPT_BYTES:
            yield Violation(name, f"{name} has more than {MAX_PROMPT_BYTES} bytes of UTF-8.")
        if not _is_storable(text):
            yield Violation(name, f"{name} contains a NUL character or half a surrogate pair.")


def _is_storable(text: str) -> bool:
    """PostgreSQL text holds neither NUL nor lone surrogates."""
    return "\0" not in text and not SURROGATE.search(text)


def _number_violations(spec: GenerationSpec, model: Model) -> Iterable[Violation]:
    most = min(MAX_IMAGES, model.max_images)
    if not 1 <= spec.number_of_images <= most:
        yield Violation("numberOfImages", f"{model.id} makes 1 to {most} images at once.")
    if spec.seed is not None and not 0 <= spec.seed <= MAX_SEED:
        yield Violation("seed", f"The seed is a whole number from 0 to {MAX_SEED}.")


def _word_violations(spec: GenerationSpec, model: Model) -> Iterable[Violation]:
    if spec.style and model.styles and spec.style not in model.styles:
        yield Violation("style", f"{model.id} accepts these styles: {', '.join(model.styles)}.")
    if len(spec.style) > 100 or not _is_storable(spec.style):  # noqa: PLR2004 - a preset is a word, not a text
        yield Violation("style", "A style is a word of at most 100 characters.")
    if spec.quality and spec.quality not in model.qualities:
        accepted = ", ".join(model.qualities) or "none"
        yield Violation("quality", f"{model.id} accepts these qualities: {accepted}.")
    for name, value in spec.parameters.items():
        words = model.parameters.get(name)
        if words is None:
            accepted = ", ".join(model.parameters) or "none"
            yield Violation("parameters", f"{model.id} does not know {name[:100]!r}; accepted parameters: {accepted}.")
        elif value not in words:
            yield Violation("parameters", f"{name} accepts: {', '.join(words)}.")


def _geometry(spec: GenerationSpec, model: Model) -> tuple[str, Size]:
    if spec.aspect_ratio and spec.aspect_ratio not in model.ratios:
        raise _refused("aspectRatio", f"{model.id} accepts these aspect ratios: {', '.join(model.ratios)}.")
    if not spec.size:
        ratio = spec.aspect_ratio or next(iter(model.ratios))
        return ratio, model.ratios[ratio]
    size = next((size for size in model.sizes if str(size) == spec.size), None)
    if size is None:
        raise _refused("size", f"{model.id} accepts these sizes: {', '.join(map(str, model.sizes))}.")
    if not spec.aspect_ratio:
        return _ratio_of(size, model), size
    if not _agree(spec.aspect_ratio, size):
        raise _refused(
            "size", f"The size {size} does not have the aspect ratio {spec.aspect_ratio}; send one of the two."
        )
    return spec.aspect_ratio, size


def _ratio_of(size: Size, model: Model) -> str:
    for ratio in model.ratios:
        if _agree(ratio, size):
            return ratio
    divisor = math.gcd(size.width, size.height)
    return f"{size.width // divisor}:{size.height // divisor}"


def _agree(ratio: str, size: Size) -> bool:
    across, down = map(int, ratio.split(":"))
    return abs(size.width * down - size.height * across) <= RATIO_TOLERANCE * size.height * across


def _refused(field: str, message: str) -> SpecInvalid:
    return SpecInvalid(message, violations=(Violation(field, message),))
