"""Converts statements, usage and the result of the reconciliation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixel.generation.v1 import billing_service_pb2 as pb
from pixel_runtime.ids import format_id

from pixel_generation.adapters.inbound.grpc.read_request import (
    read_generation_id,
    read_time,
    read_token,
    read_user_id,
    write_token,
)
from pixel_generation.adapters.output_codec import timestamp
from pixel_generation.application.billing.read_statement import ListTransactions, SumUsage

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from pixel_generation.application.billing.ports import UsageSums
    from pixel_generation.application.maintenance.ports import RuleResult
    from pixel_generation.application.reading.page import Page
    from pixel_generation.domain.billing.statement import Transaction

DEFAULT_PAGE = 50


def read_transactions(request: pb.ListTransactionsRequest) -> ListTransactions:
    return ListTransactions(
        read_user_id(request.user_id),
        kind=request.kind,
        job_id=read_generation_id(request.generation_id) if request.generation_id else None,
        before=read_token(request.page_token),
        limit=request.page_size or DEFAULT_PAGE,
    )


def transactions_to_proto(page: Page[Transaction, UUID]) -> pb.ListTransactionsResponse:
    return pb.ListTransactionsResponse(
        transactions=map(_transaction_to_proto, page.items), next_page_token=write_token(page.next)
    )


def read_usage(request: pb.GetUsageRequest) -> SumUsage:
    return SumUsage(
        read_user_id(request.user_id),
        group_by=tuple(request.group_by),
        start=read_time(request, "start_time"),
        end=read_time(request, "end_time"),
    )


def usage_to_proto(sums: UsageSums) -> pb.GetUsageResponse:
    rows = [
        pb.UsageRow(group=row.group, generations=row.generations, images=row.outputs, credits=row.credits)
        for row in sums.rows
    ]
    return pb.GetUsageResponse(rows=rows, total_credits=sums.total_credits)


def rules_to_proto(results: Iterable[RuleResult]) -> pb.ReconcileResponse:
    checks = [
        pb.ReconcileCheck(name=result.name, violations=result.violations, examples=result.examples)
        for result in results
    ]
    return pb.ReconcileResponse(checks=checks)


def _transaction_to_proto(transaction: Transaction) -> pb.Transaction:
    return pb.Transaction(
        id=transaction.id.hex,
        kind=transaction.kind,
        available_credits=transaction.available,
        held_credits=transaction.held,
        generation_id=format_id("gen", transaction.job_id) if transaction.job_id else "",
        round=transaction.round,
        reason=transaction.reason,
        create_time=timestamp(transaction.created_at),
    )
