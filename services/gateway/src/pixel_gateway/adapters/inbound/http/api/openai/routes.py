"""Endpoints for OpenAI clients, on the same durable jobs."""

from __future__ import annotations

import asyncio
import base64
from typing import TYPE_CHECKING, Annotated, Any

from litestar import Controller, Response
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import PathParameter
from pixel_errors import NotFound, PixelError, Unavailable, Violation

from pixel_gateway.adapters.inbound.http.api.generations.presenters import accepted_response, generation_view
from pixel_gateway.adapters.inbound.http.api.generations.retry_safety import retry_safety
from pixel_gateway.adapters.inbound.http.api.generations.schemas import Accepted
from pixel_gateway.adapters.inbound.http.api.generations.submission import require_words
from pixel_gateway.adapters.inbound.http.api.openai.schemas import (
    CreateImages,
    ImageData,
    ImagesAnswer,
    ModelData,
    ModelsAnswer,
    Usage,
)
from pixel_gateway.adapters.inbound.http.routing.endpoint import ErrorFormat, JsonBody, get, post
from pixel_gateway.adapters.inbound.http.routing.errors import InvalidRequest
from pixel_gateway.adapters.inbound.http.routing.parameters import IDEMPOTENCY_KEY, PREFER_WAIT
from pixel_gateway.adapters.inbound.http.routing.problems import RETRY
from pixel_gateway.adapters.inbound.http.routing.request import Request
from pixel_gateway.adapters.inbound.http.routing.responses import JsonResponse
from pixel_gateway.adapters.inbound.http.security.load_control import release_slot
from pixel_gateway.application.generations.ports import Submission
from pixel_gateway.domain.generation import Spec, Status
from pixel_gateway.domain.rate_limit import LoadClass

if TYPE_CHECKING:
    from pixel_gateway.application.generations.made_images import MadeImages
    from pixel_gateway.domain.generation import Failure, Generation, Model

IMAGES_ROUTE = "POST /v1/images/generations"
_ALWAYS_BASE64 = "gpt-image"
"""Models of this family respond with bytes by default, as at OpenAI."""

ModelName = Annotated[str, PathParameter(name="name", description="Model id or alias.")]


class OpenAI(Controller):
    """OpenAI's paths."""

    tags = ("openai",)

    @post(
        "/v1/images/generations",
        load_class=LoadClass.CREATE,
        error_format=ErrorFormat.OPENAI,
        summary="Create images (OpenAI format)",
        answer=ResponseSpec(ImagesAnswer, description="The pictures."),
        responses={
            202: ResponseSpec(Accepted, generate_examples=False, description="Accepted, with `Prefer: respond-async`.")
        },
        description="Waits for the pictures. The job is the same durable one as at /api/generations and continues "
        "when the client disconnects; the pictures are private. `Prefer: respond-async` responds at once.",
        parameters=(IDEMPOTENCY_KEY,),
        ignores_query=True,
        example={"prompt": "a lighthouse at dawn", "n": 1, "size": "1024x1024"},
    )
    async def create_images(self, request: Request, data: JsonBody[CreateImages]) -> Response[Any]:
        application = request.application
        submission = Submission(
            user_id=request.user_id,
            spec=spec_of(data),
            idempotency_key=request.header(IDEMPOTENCY_KEY),
            route=IMAGES_ROUTE,
            api_key_id=request.auth.key_id,
            end_user=data.user or data.safety_identifier or "",
        )
        with retry_safety(submission.idempotency_key) as attempt:
            accepted = await application.generations.submit(submission)
            generation = attempt.accepted(accepted)
            if "respond-async" in request.header(PREFER_WAIT):
                view = generation_view(await application.generations.as_readable(generation), request, {})
                return accepted_response(view, replayed=accepted.replayed, applied="respond-async")
            release_slot(request.scope)
            made = await application.generations.await_images(generation, wait_s=request.app.state.image_wait_s)
            if made.generation.status is Status.COMPLETED:
                return JsonResponse(await _answer(request, made, wants_bytes=wants_base64(data)))
        raise failed(made.generation, is_replayable=bool(submission.idempotency_key))

    @get(
        "/v1/models",
        load_class=LoadClass.READ,
        error_format=ErrorFormat.OPENAI,
        summary="List the models (OpenAI format)",
        answer="The available models.",
        ignores_query=True,
    )
    async def list_models(self, request: Request) -> ModelsAnswer:
        available = [model for model in await request.application.generations.list_models() if model.available]
        return ModelsAnswer(object="list", data=[_model_data(model) for model in available])

    @get(
        "/v1/models/{name:str}",
        load_class=LoadClass.READ,
        error_format=ErrorFormat.OPENAI,
        summary="Get a model (OpenAI format)",
        answer="The model.",
        ignores_query=True,
    )
    async def view_model(self, request: Request, name: ModelName) -> ModelData:
        for known in await request.application.generations.list_models():
            if name == known.id or name in known.aliases:
                return _model_data(known)
        raise NotFound(f"The model {name[:64]} does not exist.", reason="MODEL_NOT_FOUND")


_ACCEPTED_VALUES: dict[str, tuple[str, ...]] = {
    "response_format": ("url", "b64_json"),
    "background": ("auto", "opaque"),
    "moderation": ("auto", "low"),
    "output_format": ("png",),
}


def spec_of(body: CreateImages) -> Spec:
    """Return the work of a body; raise InvalidRequest for an unsupported value."""
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
    """Return whether the response has bytes."""
    if body.response_format is not None:
        return body.response_format == "b64_json"
    return (body.model or "").startswith(_ALWAYS_BASE64)


def failed(generation: Generation, *, is_replayable: bool) -> PixelError:
    """Return the error for a generation that ended without pictures."""
    failure = generation.failure
    metadata = {"generation_id": generation.id}
    if is_replayable or failure is None or not failure.retryable:
        metadata[RETRY] = "false"  # the same key would return the same failed job
    if failure is None:
        return InvalidRequest("The generation was cancelled.", reason="GENERATION_CANCELLED", metadata=metadata)
    if _is_rejection(failure):
        return InvalidRequest(failure.message, reason=failure.code.upper(), metadata=metadata)
    return Unavailable(failure.message, reason=failure.code.upper(), metadata=metadata)


async def _answer(request: Request, made: MadeImages, *, wants_bytes: bool) -> ImagesAnswer:
    generation = made.generation
    found = [made.addresses.get(output.asset_id) for output in generation.outputs]
    addresses = [each.original for each in found if each is not None]
    if len(addresses) != len(generation.outputs):
        raise Unavailable("Some of the pictures cannot be found now.")
    if wants_bytes:
        contents = await asyncio.gather(*(request.application.images.fetch_asset(address) for address in addresses))
        data = [ImageData(b64_json=base64.b64encode(content).decode()) for content in contents]
    else:
        data = [ImageData(url=request.absolute(address)) for address in addresses]
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
"""OpenAI's values for a default, which are omitted here, and the older name of its best quality."""


def _ours(word: str | None) -> str:
    return _OUR_WORDS.get(word, word) if word else ""


def _refused(name: str, message: str) -> InvalidRequest:
    violations = (Violation(name, message),)
    return InvalidRequest(f"{name} {message}.", reason="UNSUPPORTED_VALUE", violations=violations)
