"""Doors for OpenAI clients: the same durable jobs behind the API they already speak."""

from __future__ import annotations

import asyncio
import base64
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta
from pixel_errors import NotFound, PixelError, Unavailable, Violation

from pixel_gateway.adapters.inbound.http import bodies
from pixel_gateway.adapters.inbound.http.doors import Answer, Call, Door
from pixel_gateway.adapters.inbound.http.errors import RETRY, InvalidRequest
from pixel_gateway.adapters.inbound.http.generations import IDEMPOTENCY_KEY, accepted_reply
from pixel_gateway.adapters.inbound.http.reply import Reply, json_reply
from pixel_gateway.adapters.inbound.http.submission_bodies import require_words
from pixel_gateway.adapters.inbound.http.submitting import submitting
from pixel_gateway.adapters.inbound.http.traffic import only_waits
from pixel_gateway.adapters.inbound.http.views import generation_view
from pixel_gateway.application.ports import Submission
from pixel_gateway.domain.generation import Spec, Status

if TYPE_CHECKING:
    from pixel_gateway.application import Application
    from pixel_gateway.application.generations.await_images import MadeImages
    from pixel_gateway.domain.generation import Failure, Generation, Model

IMAGES_ROUTE = "POST /v1/images/generations"
_ALWAYS_BASE64 = "gpt-image"
"""Models of this family answer with bytes unless asked otherwise, as at OpenAI."""

_Text = Annotated[str, Meta(min_length=1, max_length=64)]


class CreateImages(msgspec.Struct):
    """Ask for pictures as OpenAI clients do. Fields that are not known are ignored, values that are not are refused."""

    prompt: Annotated[str, Meta(min_length=1, max_length=4000)]
    model: _Text | None = None
    n: Annotated[int, Meta(ge=1, le=10)] | None = None
    size: _Text | None = None
    quality: _Text | None = None
    style: _Text | None = None
    response_format: _Text | None = None
    user: Annotated[str, Meta(max_length=200)] | None = None
    safety_identifier: Annotated[str, Meta(max_length=200)] | None = None
    background: _Text | None = None
    moderation: _Text | None = None
    output_format: _Text | None = None
    output_compression: Annotated[int, Meta(ge=0, le=100)] | None = None
    partial_images: Annotated[int, Meta(ge=0, le=3)] | None = None
    stream: bool | None = None
    seed: Annotated[int, Meta(ge=0, le=9_223_372_036_854_775_807)] | None = None


class ImageData(msgspec.Struct, omit_defaults=True):
    """One picture: its address or its bytes in base 64."""

    url: str | None = None
    b64_json: str | None = None


class Usage(msgspec.Struct):
    """What the pictures cost."""

    cost_credits: int


class ImagesAnswer(msgspec.Struct):
    """The pictures, with the durable job they came from."""

    created: int
    data: list[ImageData]
    usage: Usage
    generation_id: str
    set_id: str


class ModelData(msgspec.Struct):
    """A model."""

    id: str
    object: str
    created: int
    owned_by: str


class ModelsAnswer(msgspec.Struct):
    """The models that can run now."""

    object: str
    data: list[ModelData]


def doors(app: Application, *, wait_s: float) -> list[Door]:
    """Return the doors of this group."""

    async def create(call: Call) -> Reply:
        body = await call.json(CreateImages, forbid_unknown=False)
        submission = Submission(
            user_id=call.user_id,
            spec=spec_of(body),
            idempotency_key=call.idempotency_key(),
            route=IMAGES_ROUTE,
            api_key_id=call.api_key_id,
            end_user=body.user or body.safety_identifier or "",
        )
        with submitting(submission.idempotency_key) as attempt:
            accepted = await app.ports.generations.submit(submission)
            generation = attempt.accepted(accepted)
            if "respond-async" in call.preferences():
                view = generation_view(await app.completion.shown(generation), call, {})
                return accepted_reply(view, replayed=accepted.replayed, applied=b"respond-async")
            only_waits(call.scope)
            made = await app.await_images(generation, wait_s=wait_s)
            if made.generation.status is Status.COMPLETED:
                return json_reply(await _answer(app, call, made, wants_bytes=wants_base64(body)))
        raise failed(made.generation, is_replayable=bool(submission.idempotency_key))

    async def models(_: Call) -> Reply:
        available = [model for model in await app.ports.generations.models() if model.available]
        return json_reply(ModelsAnswer(object="list", data=[_model_data(model) for model in available]))

    async def model(call: Call) -> Reply:
        name = str(call.scope["path_params"]["name"])
        for known in await app.ports.generations.models():
            if name == known.id or name in known.aliases:
                return json_reply(_model_data(known))
        raise NotFound(f"The model {name[:64]} does not exist.", reason="MODEL_NOT_FOUND")

    return [
        Door(
            "POST",
            "/v1/images/generations",
            create,
            "Make pictures (OpenAI form)",
            {
                200: Answer("The pictures.", ImagesAnswer),
                202: Answer("Accepted, as `Prefer: respond-async` asks.", bodies.Accepted),
            },
            description="Waits for the pictures. The job is the same durable one as at /api/generations and goes on "
            "when the client leaves; the pictures are private. `Prefer: respond-async` answers at once.",
            tag="openai",
            body=CreateImages,
            body_example={"prompt": "a lighthouse at dawn", "n": 1, "size": "1024x1024"},
            parameters=(IDEMPOTENCY_KEY,),
        ),
        Door("GET", "/v1/models", models, "List the models (OpenAI form)", _MODELS, tag="openai"),
        Door("GET", "/v1/models/{name:str}", model, "Look at a model (OpenAI form)", _MODEL, tag="openai"),
    ]


_MODELS = {200: Answer("The models that can run now.", ModelsAnswer)}
_MODEL = {200: Answer("The model.", ModelData)}

_ACCEPTED_VALUES: dict[str, tuple[str, ...]] = {
    "response_format": ("url", "b64_json"),
    "background": ("auto", "opaque"),
    "moderation": ("auto", "low"),
    "output_format": ("png",),
}


def spec_of(body: CreateImages) -> Spec:
    """Return what a body asks for; raise InvalidRequest for a value that would not be honoured."""
    for name, accepted in _ACCEPTED_VALUES.items():
        value = getattr(body, name)
        if value is not None and value not in accepted:
            raise _refused(name, f"has to be one of {', '.join(accepted)}")
    if body.stream or body.partial_images:
        raise _refused("stream" if body.stream else "partial_images", "is not offered; leave it out")
    if body.output_compression not in (None, 100):
        raise _refused("output_compression", "has to be 100: PNG is not lossy")
    require_words(body.prompt)
    return Spec(
        prompt=body.prompt,
        model=body.model or "",
        number_of_images=body.n or 1,
        style=_ours(body.style),
        quality=_ours(body.quality),
        size=_ours(body.size),
        seed=body.seed,
        private=True,
    )


def wants_base64(body: CreateImages) -> bool:
    """Tell whether the answer carries bytes."""
    if body.response_format is not None:
        return body.response_format == "b64_json"
    return (body.model or "").startswith(_ALWAYS_BASE64)


def failed(generation: Generation, *, is_replayable: bool) -> PixelError:
    """Return the error for a generation that ended without pictures."""
    failure = generation.failure
    metadata = {"generation_id": generation.id}
    if is_replayable or failure is None or not failure.retryable:
        metadata[RETRY] = "false"  # the same key would find the same failed job
    if failure is None:
        return InvalidRequest("The generation was cancelled.", reason="GENERATION_CANCELLED", metadata=metadata)
    if _is_rejection(failure):
        return InvalidRequest(failure.message, reason=failure.code.upper(), metadata=metadata)
    return Unavailable(failure.message, reason=failure.code.upper(), metadata=metadata)


async def _answer(app: Application, call: Call, made: MadeImages, *, wants_bytes: bool) -> ImagesAnswer:
    generation = made.generation
    found = [made.addresses.get(output.asset_id) for output in generation.outputs]
    addresses = [each.original for each in found if each is not None]
    if len(addresses) != len(generation.outputs):
        raise Unavailable("Some of the pictures cannot be found now.")
    if wants_bytes:
        contents = await asyncio.gather(*(app.ports.media.fetch(address) for address in addresses))
        data = [ImageData(b64_json=base64.b64encode(content).decode()) for content in contents]
    else:
        data = [ImageData(url=call.absolute(address)) for address in addresses]
    captured = generation.captured_credits
    return ImagesAnswer(
        created=int((generation.end_time or generation.create_time).timestamp()),
        data=data,
        usage=Usage(cost_credits=generation.cost_credits if captured is None else captured),
        generation_id=generation.id,
        set_id=generation.set_id,
    )


def _model_data(model: Model) -> ModelData:
    return ModelData(id=model.id, object="model", created=0, owned_by=model.provider)


def _is_rejection(failure: Failure) -> bool:
    return failure.code in {"blocked", "provider_rejected", "invalid_request"}


_OUR_WORDS = {"auto": "", "standard": "", "vivid": "", "hd": "high"}
"""OpenAI's words for a default, which here is to say nothing, and the older word of its best quality."""


def _ours(word: str | None) -> str:
    return _OUR_WORDS.get(word, word) if word else ""


def _refused(name: str, message: str) -> InvalidRequest:
    violations = (Violation(name, message),)
    return InvalidRequest(f"{name} {message}.", reason="UNSUPPORTED_VALUE", violations=violations)
