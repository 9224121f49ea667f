"""Converts receipts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixel.generation.v1 import generations_service_pb2 as pb
from pixel_runtime.ids import format_id

from pixel_generation.adapters.codec import STATUSES
from pixel_generation.adapters.output_codec import timestamp

if TYPE_CHECKING:
    from pixel_generation.domain.billing.receipt import Receipt, RoundReceipt
    from pixel_generation.domain.jobs.attempt import AttemptReceipt


def receipt_to_proto(receipt: Receipt) -> pb.Receipt:
    return pb.Receipt(
        generation_id=format_id("gen", receipt.job_id),
        quoted_credits=receipt.quoted,
        price_id=receipt.price_id,
        credits_per_unit=receipt.credits_per_unit,
        requested_units=receipt.requested_units,
        delivered_units=receipt.delivered_units,
        rounds=map(_round_to_proto, receipt.rounds),
        attempts=map(attempt_to_proto, receipt.attempts),
        provider_cost_usd_micros=receipt.provider_cost_usd_micros,
        status=STATUSES[receipt.status],
        charged_credits=receipt.charged,
    )


def attempt_to_proto(attempt: AttemptReceipt) -> pb.AttemptReceipt:
    return pb.AttemptReceipt(
        attempt=attempt.attempt,
        round=attempt.round,
        provider=attempt.provider,
        model=attempt.model,
        state=attempt.state,
        outcome=attempt.outcome or "",
        provider_request_id=attempt.provider_request_id,
        cost_usd_micros=attempt.cost_usd_micros,
        failure_code=attempt.failure_code,
        claim_time=timestamp(attempt.claimed_at),
        submit_time=timestamp(attempt.submitted_at) if attempt.submitted_at else None,
        end_time=timestamp(attempt.ended_at) if attempt.ended_at else None,
    )


def _round_to_proto(money: RoundReceipt) -> pb.RoundReceipt:
    return pb.RoundReceipt(
        round=money.round,
        held_credits=money.held,
        captured_credits=money.captured,
        released_credits=money.released,
        refunded_credits=money.refunded,
        settled=money.settled,
    )
