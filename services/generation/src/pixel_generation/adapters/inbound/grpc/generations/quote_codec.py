"""Converts quotes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixel.generation.v1 import generation_pb2, generations_service_pb2

from pixel_generation.adapters.codec import route_to_proto

if TYPE_CHECKING:
    from pixel_generation.adapters.work.messages import WorkMessages
    from pixel_generation.application.submission.quote import Quote


def quote_to_proto(quote: Quote, messages: WorkMessages) -> generations_service_pb2.QuoteGenerationResponse:
    job, eta = quote.job, quote.start_interval_s
    return generations_service_pb2.QuoteGenerationResponse(
        cost_credits=job.cost_credits,
        price_id=job.price_id,
        credits_per_unit=quote.credits_per_unit,
        **messages.member(job.work),
        adjustments=[
            generation_pb2.Adjustment(field=each.field, requested=each.requested, used=each.used)
            for each in job.adjustments
        ],
        route=route_to_proto(job.route),
        eta=generation_pb2.EtaInterval(min_seconds=eta[0], max_seconds=eta[1]) if eta else None,
        run_seconds=quote.run_s,
        available_credits=quote.available_credits,
        would_be_refused=quote.would_be_refused,
    )
