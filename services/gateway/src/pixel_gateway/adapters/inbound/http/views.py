"""From what the application knows to the public bodies."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, TypedDict

from pixel_errors import PixelError

from pixel_gateway.adapters.inbound.http import bodies
from pixel_gateway.adapters.inbound.http.money_bodies import AdjustmentView, CandidateView, RouteView
from pixel_gateway.domain.generation import Generation, Progress, Status

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from pixel_gateway.adapters.inbound.http.doors import Call
    from pixel_gateway.application.ports import Media
    from pixel_gateway.domain.generation import Failure, Model, Route
    from pixel_gateway.domain.image import Addresses, Image, ImageSet


class _Urls(TypedDict):
    url: str | None
    thumbnail_url: str | None
    preview_url: str | None
    url_expires_at: datetime | None


_SOCKET_STATUS = {Status.COMPLETED: "complete", Status.CANCELLED: "failed"}


async def addresses_of(media: Media, asset_ids: Sequence[str]) -> Mapping[str, Addresses]:
    """Return signed addresses, or none while media is away: the rest of the answer is still worth having."""
    if not asset_ids:
        return {}
    try:
        return await media.addresses(asset_ids)
    except PixelError:
        return {}


def generation_view(generation: Generation, call: Call, addresses: Mapping[str, Addresses]) -> bodies.GenerationView:
    """Return the public form of a generation."""
    spec = generation.spec
    waits = generation.status is Status.QUEUED
    return bodies.GenerationView(
        id=generation.id,
        request_id=generation.id,
        status=generation.status,
        stage=generation.stage,
        progress=generation.progress,
        current_step=generation.message,
        sequence=generation.sequence,
        prompt=spec.prompt,
        model=spec.model,
        number_of_images=spec.number_of_images,
        style=spec.style or None,
        quality=spec.quality or None,
        aspect_ratio=spec.aspect_ratio or None,
        size=spec.size or None,
        custom_prompt=spec.custom_prompt or None,
        seed=spec.seed,
        private=spec.private,
        set_id=generation.set_id,
        result_images=result_images(generation, call, addresses),
        error=error_view(generation.failure),
        cost_credits=generation.cost_credits,
        captured_credits=generation.captured_credits,
        queue_position=generation.queue_position or None if waits else None,
        eta=bodies.Eta(*generation.eta_s) if generation.eta_s and waits else None,
        estimated_time_remaining=generation.remaining_s,
        attempt=generation.attempt,
        created_at=generation.create_time,
        started_at=generation.start_time,
        ended_at=generation.end_time,
        job_type=generation.job_type,
        priority=generation.priority,
        round=generation.round,
        scheduled_at=generation.schedule_time,
        cancel_at=generation.cancel_time,
        waits_for=generation.waits_for or None if waits else None,
        position_reason=generation.position_reason or None if waits else None,
        adjustments=[AdjustmentView(each.field, each.requested, each.used) for each in generation.adjustments],
        route=None if generation.route is None else route_view(generation.route),
        user=generation.end_user or None,
        metadata=dict(generation.metadata),
        links=links(generation, call),
    )


def route_view(route: Route) -> RouteView:
    """Return the public form of a route."""
    return RouteView(
        model=route.model or None,
        fallback_models=[*route.fallback_models],
        candidates=[
            CandidateView(each.model, each.cost_credits, each.excluded_because or None, each.health)
            for each in route.candidates
        ],
        rule=route.rule,
    )


def links(generation: Generation, call: Call) -> bodies.Links:
    """Return absolute addresses about a generation."""
    base = call.base_url
    return bodies.Links(
        self=f"{base}/api/generations/{generation.id}",
        status=f"{base}/api/generation/{generation.id}/status",
        events=f"{base}/api/generations/{generation.id}/events",
        socket=f"ws{base.removeprefix('http')}/api/processing/{generation.id}/status",
        set=f"{base}/api/sets/{generation.set_id}",
        cancel=f"{base}/api/generations/{generation.id}/cancel",
        retry=f"{base}/api/generations/{generation.id}/retry",
        receipt=f"{base}/api/generations/{generation.id}/receipt",
        log=f"{base}/api/generations/{generation.id}/log",
    )


def result_images(generation: Generation, call: Call, addresses: Mapping[str, Addresses]) -> list[bodies.ResultImage]:
    """Return the delivered pictures in batch order."""
    return [
        bodies.ResultImage(
            id=f"img_{output.asset_id.removeprefix('ast_')}",
            asset_id=output.asset_id,
            index=output.index,
            width=output.width,
            height=output.height,
            content_type=output.content_type,
            size_bytes=output.size_bytes,
            seed=output.seed,
            **_urls(addresses.get(output.asset_id), call),
        )
        for output in generation.outputs
    ]


def progress_view(
    shown: Generation | Progress,
    call: Call,
    addresses: Mapping[str, Addresses],
    events: Sequence[Progress] | None,
) -> bodies.ProgressView:
    """Return where a generation stands."""
    whole = shown if isinstance(shown, Generation) else None
    progress = shown.as_progress() if isinstance(shown, Generation) else shown
    return bodies.ProgressView(
        generation_id=progress.generation_id,
        status=progress.status,
        stage=progress.stage,
        progress=progress.progress,
        current_step=progress.message,
        sequence=progress.sequence,
        set_id=progress.set_id,
        estimated_time_remaining=whole.remaining_s if whole else None,
        result_images=result_images(whole, call, addresses) if whole else [],
        error=error_view(progress.failure),
        events=None if events is None else [event_view(event, event_name(event)) for event in events],
    )


def event_name(event: Progress) -> str:
    """Return the name of a stored event: its end, or that it is progress."""
    return str(event.status) if event.status.is_final else "progress"


def event_view(event: Progress, name: str) -> bodies.ProgressEvent:
    """Return the public form of an event."""
    return bodies.ProgressEvent(
        type=name,
        generation_id=event.generation_id,
        sequence=event.sequence,
        status=event.status,
        stage=event.stage,
        progress=event.progress,
        current_step=event.message,
        set_id=event.set_id,
        error=error_view(event.failure),
        time=event.time,
    )


@lru_cache(maxsize=4096)
def socket_update(event: Progress, name: str) -> bodies.ProcessingUpdate:
    """Return the socket's form of an event."""
    error = event.failure.message if event.failure else None
    if event.status is Status.CANCELLED:
        error = error or "cancelled"
    status = _SOCKET_STATUS.get(event.status, str(event.status))
    return bodies.ProcessingUpdate(
        type=status,
        event=name,
        request_id=event.generation_id,
        status=status,
        generation_status=event.status,
        stage=event.stage,
        progress=event.progress,
        message=event.message,
        sequence=event.sequence,
        set_id=event.set_id,
        error=error,
        error_code=event.failure.code if event.failure else None,
        time=event.time,
    )


def image_view(image: Image, call: Call, addresses: Mapping[str, Addresses]) -> bodies.ImageView:
    """Return the public form of a output."""
    return bodies.ImageView(
        id=image.id,
        set_id=image.set_id,
        user_id=image.user_id,
        generation_id=image.generation_id,
        asset_id=image.asset_id,
        index=image.index,
        prompt=image.prompt,
        model=image.model,
        style=image.style or None,
        width=image.width,
        height=image.height,
        private=image.private,
        seed=image.seed,
        like_count=image.like_count,
        comment_count=image.comment_count,
        view_count=image.view_count,
        created_at=image.create_time,
        **_urls(addresses.get(image.asset_id), call),
    )


def set_view(found: ImageSet, call: Call, addresses: Mapping[str, Addresses]) -> bodies.SetView:
    """Return the public form of a set."""
    return bodies.SetView(
        id=found.id,
        user_id=found.user_id,
        generation_id=found.generation_id,
        images=[image_view(image, call, addresses) for image in found.images],
        created_at=found.create_time,
    )


def model_view(model: Model) -> bodies.ModelView:
    """Return the public form of a model."""
    return bodies.ModelView(
        id=model.id,
        provider=model.provider,
        name=model.display_name,
        aliases=[*model.aliases],
        credits_per_image=model.credits_per_image,
        aspect_ratios=[bodies.RatioView(*ratio) for ratio in model.aspect_ratios],
        styles=[*model.styles],
        qualities=[*model.qualities],
        max_images=model.max_images,
        available=model.available,
    )


def error_view(failure: Failure | None) -> bodies.GenerationError | None:
    """Return the public form of a failure."""
    return None if failure is None else bodies.GenerationError(failure.code, failure.message, failure.retryable)


def _urls(addresses: Addresses | None, call: Call) -> _Urls:
    if addresses is None:
        return {"url": None, "thumbnail_url": None, "preview_url": None, "url_expires_at": None}
    return {
        "url": call.absolute(addresses.original),
        "thumbnail_url": call.absolute(addresses.thumbnail),
        "preview_url": call.absolute(addresses.preview),
        "url_expires_at": addresses.expire_time,
    }
