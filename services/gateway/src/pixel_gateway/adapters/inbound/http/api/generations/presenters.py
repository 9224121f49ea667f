"""Converts generations to public bodies."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from pixel_errors import PixelError

from pixel_gateway.adapters.inbound.http.api.generations.schemas import (
    Accepted,
    AdjustmentView,
    CandidateView,
    Eta,
    GenerationError,
    GenerationView,
    Links,
    ProgressEvent,
    ProgressView,
    ResultImage,
    RouteView,
)
from pixel_gateway.adapters.inbound.http.routing.responses import JsonResponse
from pixel_gateway.adapters.inbound.http.routing.struct_mapping import same_fields
from pixel_gateway.domain.generation import Generation, Status

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from pixel_gateway.adapters.inbound.http.routing.request import Request
    from pixel_gateway.application import Application
    from pixel_gateway.domain.generation import Failure, Progress, Route
    from pixel_gateway.domain.image import Addresses


POLL_AFTER_S = "1"


class Urls(TypedDict):
    """URLs of a picture."""

    url: str | None
    thumbnail_url: str | None
    preview_url: str | None
    url_expires_at: datetime | None


async def addresses_of(application: Application, asset_ids: Sequence[str]) -> Mapping[str, Addresses]:
    """Return signed URLs, or none while media is unreachable: the rest of the response is still useful."""
    if not asset_ids:
        return {}
    try:
        return await application.images.sign_addresses(asset_ids)
    except PixelError:
        return {}


def generation_view(generation: Generation, request: Request, addresses: Mapping[str, Addresses]) -> GenerationView:
    """Return the public form of a generation."""
    waits = generation.status is Status.QUEUED
    return GenerationView(
        id=generation.id,
        request_id=generation.id,
        status=generation.status,
        stage=generation.stage,
        progress=generation.progress,
        current_step=generation.message,
        sequence=generation.sequence,
        **same_fields(generation.spec, GenerationView),
        set_id=generation.set_id,
        result_images=result_images(generation, request, addresses),
        error=error_view(generation.failure),
        cost_credits=generation.cost_credits,
        captured_credits=generation.captured_credits,
        queue_position=generation.queue_position or None if waits else None,
        eta=Eta(*generation.eta_s) if generation.eta_s and waits else None,
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
        links=links(generation, request),
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


def links(generation: Generation, request: Request) -> Links:
    """Return absolute URLs of a generation."""
    base = request.public_url
    return Links(
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


def result_images(generation: Generation, request: Request, addresses: Mapping[str, Addresses]) -> list[ResultImage]:
    """Return the delivered outputs in batch order."""
    return [
        ResultImage(
            id=f"img_{output.asset_id.removeprefix('ast_')}",
            asset_id=output.asset_id,
            index=output.index,
            width=output.width,
            height=output.height,
            content_type=output.content_type,
            size_bytes=output.size_bytes,
            seed=output.seed,
            **urls(addresses.get(output.asset_id), request),
        )
        for output in generation.outputs
    ]


def progress_view(
    shown: Generation | Progress,
    request: Request,
    addresses: Mapping[str, Addresses],
    events: Sequence[Progress] | None,
) -> ProgressView:
    """Return the progress of a generation."""
    whole = shown if isinstance(shown, Generation) else None
    progress = shown.as_progress() if isinstance(shown, Generation) else shown
    return ProgressView(
        generation_id=progress.generation_id,
        status=progress.status,
        stage=progress.stage,
        progress=progress.progress,
        current_step=progress.message,
        sequence=progress.sequence,
        set_id=progress.set_id,
        estimated_time_remaining=whole.remaining_s if whole else None,
        result_images=result_images(whole, request, addresses) if whole else [],
        error=error_view(progress.failure),
        events=None if events is None else [event_view(event, event_name(event)) for event in events],
    )


def event_name(event: Progress) -> str:
    """Return the name of a stored event: its final status, or `progress`."""
    return str(event.status) if event.status.is_final else "progress"


def event_view(event: Progress, name: str) -> ProgressEvent:
    """Return the public form of an event."""
    return ProgressEvent(
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


def error_view(failure: Failure | None) -> GenerationError | None:
    """Return the public form of a failure."""
    return None if failure is None else GenerationError(failure.code, failure.message, failure.retryable)


def urls(addresses: Addresses | None, request: Request) -> Urls:
    if addresses is None:
        return {"url": None, "thumbnail_url": None, "preview_url": None, "url_expires_at": None}
    return {
        "url": request.absolute(addresses.original),
        "thumbnail_url": request.absolute(addresses.thumbnail),
        "preview_url": request.absolute(addresses.preview),
        "url_expires_at": addresses.expire_time,
    }


async def present(request: Request, generations: Sequence[Generation]) -> list[GenerationView]:
    """Return generations with signed URLs of their pictures."""
    asset_ids = [output.asset_id for generation in generations for output in generation.outputs]
    addresses = await addresses_of(request.application, asset_ids)
    return [generation_view(generation, request, addresses) for generation in generations]


def accepted_response(view: GenerationView, *, replayed: bool, applied: str = "") -> JsonResponse[Accepted]:
    """Return the response to a submission, with its links and the applied preference."""
    headers = {"location": view.links.self, "retry-after": POLL_AFTER_S}
    if replayed:
        headers["idempotent-replayed"] = "true"
    if applied:
        headers["preference-applied"] = applied
    return JsonResponse(Accepted(success=True, data=view), status_code=202, headers=headers)
