"""The body of a submission and its conversion."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import fields
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta
from pixel_errors import Violation
from pixel_limits import generation as limits

from pixel_gateway.adapters.inbound.http.routing.errors import InvalidRequest
from pixel_gateway.application.generations.ports import Submission
from pixel_gateway.domain.generation import JobType, Priority, Spec

if TYPE_CHECKING:
    from pixel_gateway.adapters.inbound.http.routing.request import Request

SUBMIT_ROUTE = "POST /api/generations"
"""The operation of idempotency keys of submissions."""

_DURATION = re.compile(r"(?P<number>-?\d{1,12}(?:\.\d{1,6})?)(?P<unit>[smh]?)")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600}

Prompt = Annotated[
    str, Meta(min_length=1, max_length=limits.IMAGE_WORK_PROMPT_MAX_LEN, description="Text that describes the picture.")
]
CustomPrompt = Annotated[
    str, Meta(max_length=limits.IMAGE_WORK_CUSTOM_PROMPT_MAX_LEN, description="Text added to the prompt for the model.")
]
EndUser = Annotated[
    str,
    Meta(
        max_length=limits.SUBMISSION_END_USER_MAX_LEN, description="End user of your app, for attribution of the usage."
    ),
]
Word = Annotated[str, Meta(min_length=1, max_length=64)]
Count = Annotated[int, Meta(ge=1, le=limits.IMAGE_WORK_NUMBER_OF_IMAGES_LTE, description="Number of pictures.")]
Seed = Annotated[int, Meta(ge=0, le=limits.IMAGE_WORK_SEED_LTE, description="Seed of the first picture.")]
References = Annotated[
    list[str], Meta(max_length=0, description="No model takes reference images yet; leave it empty.")
]
Seconds = Annotated[
    float,
    Meta(
        ge=limits.SUBMISSION_CANCEL_AFTER_SECONDS_GTE,
        le=limits.SUBMISSION_CANCEL_AFTER_SECONDS_LTE,
        description="Seconds from now after which the generation is cancelled unless it has ended.",
    ),
]
Moment = Annotated[datetime, Meta(tz=True, description="Earliest start; within 30 days.")]
Retries = Annotated[
    int,
    Meta(
        ge=0,
        le=limits.SUBMISSION_MAX_RETRIES_LTE,
        description="Automatic retries of a failed run; the operator's setting when omitted.",
    ),
]
Labels = Annotated[
    dict[
        Annotated[str, Meta(min_length=1, max_length=limits.SUBMISSION_METADATA_KEY_MAX_LEN)],
        Annotated[str, Meta(max_length=limits.SUBMISSION_METADATA_VALUE_MAX_LEN)],
    ],
    Meta(max_length=limits.SUBMISSION_METADATA_MAX_PAIRS, description="Labels for grouping the usage."),
]


EXAMPLE_REQUEST = {
    "prompt": "a lighthouse at dawn, ink and wash",
    "numberOfImages": 2,
    "aspectRatio": "16:9",
    "style": "ink",
    "seed": 7,
}


class CreateGeneration(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """A submission."""

    prompt: Prompt
    model: Annotated[Word, Meta(description="Model id or alias, or `auto`; the default model when omitted.")] = ""
    number_of_images: Count = 1
    style: Annotated[Word, Meta(description="Style preset of the model.")] = ""
    style_preset: Annotated[Word, Meta(description="Another name of `style`.")] = ""
    quality: Annotated[Word, Meta(description="Quality value of the model.")] = ""
    aspect_ratio: Annotated[Word, Meta(description="For example 16:9; 1:1 when neither it nor size is given.")] = ""
    size: Annotated[Word, Meta(description="For example 1536x1024, in place of aspectRatio.")] = ""
    custom_prompt: CustomPrompt = ""
    seed: Seed | None = None
    private: Annotated[bool, Meta(description="Keep the pictures out of discover.")] = False
    parameters: Annotated[dict[str, Any], Meta(description="Options of the model.")] = {}
    product_images: References = []
    model_images: References = []
    job_type: Annotated[JobType, Meta(description="Kind of work.")] = JobType.IMAGE
    priority: Annotated[Priority, Meta(description="Priority; `high` if your plan includes it.")] = Priority.NORMAL
    scheduled_at: Moment | None = None
    cancel_after: Seconds | None = None
    user: EndUser = ""
    metadata: Labels = {}
    adjust: Annotated[bool, Meta(description="Change unsupported values to the nearest supported ones.")] = False
    allow_fallback: Annotated[
        bool, Meta(description="Let another model run it when this one cannot, at no higher price.")
    ] = False
    max_retries: Retries | None = None


def submission_of(body: CreateGeneration, request: Request, *, idempotency_key: str = "") -> Submission:
    """Return the submission of a body and its header fields; raise InvalidRequest."""
    return Submission(
        user_id=request.user_id,
        spec=spec_of(body),
        idempotency_key=idempotency_key,
        route=SUBMIT_ROUTE,
        job_type=body.job_type,
        priority=body.priority,
        schedule_time=body.scheduled_at,
        cancel_after_s=_cancel_after_s(body.cancel_after, request.fields.get("cancel-after")),
        api_key_id=request.auth.key_id,
        end_user=body.user,
        metadata=body.metadata,
        adjust=body.adjust,
        allow_fallback=body.allow_fallback,
        max_retries=body.max_retries,
    )


def spec_of(body: CreateGeneration) -> Spec:
    """Return the work of a body; raise InvalidRequest for an invisible prompt or two different styles."""
    require_words(body.prompt)
    if body.style and body.style_preset and body.style != body.style_preset:
        raise _refused("stylePreset", "differs from style; give one of them")
    asked = {each.name: getattr(body, each.name) for each in fields(Spec)}
    return Spec(**asked | {"style": body.style or body.style_preset})


_INVISIBLE = frozenset({"Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Co"})
"""Unicode categories without a visible shape. Not Cn, unassigned: it includes emoji newer than Python's tables."""


def require_words(prompt: str) -> None:
    """Raise InvalidRequest for a prompt without visible characters."""
    if all(unicodedata.category(char) in _INVISIBLE for char in prompt):
        raise _refused("prompt", "must have visible characters")


def _cancel_after_s(seconds: float | None, header: str | None) -> float:
    """Return the deadline in seconds; 0 when neither the body nor the header field has one. Raise InvalidRequest."""
    wanted = seconds
    if header is not None:
        found = _DURATION.fullmatch(header.strip())
        if not found:
            raise _refused("Cancel-After", "has to be a duration such as 90s, 15m or 2h")
        wanted = float(found["number"]) * _SECONDS[found["unit"]]
        if not limits.SUBMISSION_CANCEL_AFTER_SECONDS_GTE <= wanted <= limits.SUBMISSION_CANCEL_AFTER_SECONDS_LTE:
            raise _refused("Cancel-After", "has to be from 1s to 24h")
        if seconds is not None and seconds != wanted:
            raise _refused("Cancel-After", "differs from cancelAfter; give one of them")
    return wanted or 0.0


def _refused(name: str, message: str) -> InvalidRequest:
    return InvalidRequest(f"{name} {message}.", violations=(Violation(name, message),))
