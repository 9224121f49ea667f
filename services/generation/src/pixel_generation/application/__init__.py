"""The use cases of this service, by capability, bound to their ports in wiring/serve.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from datetime import date
    from uuid import UUID

    from pixel_errors import PixelError

    from pixel_generation.application.billing.correct_credits import AdjustCredits, Refunded, RefundGeneration
    from pixel_generation.application.billing.grant_credits import GrantCredits
    from pixel_generation.application.billing.limit_spending import (
        DeleteBudget,
        ListBudgets,
        SetBudget,
        UpdateAccount,
    )
    from pixel_generation.application.billing.ports import Adjusted, Redeemed, UsageSums
    from pixel_generation.application.billing.promotion_codes import (
        CreatePromotion,
        EndPromotion,
        ListPromotions,
        RedeemPromotion,
    )
    from pixel_generation.application.billing.read_statement import ListTransactions, SumUsage
    from pixel_generation.application.maintenance.ports import RuleResult
    from pixel_generation.application.operations.failed_jobs import (
        FailuresPage,
        ListFailures,
        RedriveFailures,
        Redriven,
    )
    from pixel_generation.application.operations.list_actions import ListActions
    from pixel_generation.application.operations.operate_queue import Processed
    from pixel_generation.application.operations.ports import Action, QueueChange
    from pixel_generation.application.reading.page import Page
    from pixel_generation.application.reading.read_generations import (
        GenerationView,
        ListEvents,
        ListGenerations,
        ListUserEvents,
        UserEventsPage,
    )
    from pixel_generation.application.submission.cancel import Cancellation
    from pixel_generation.application.submission.quote import Quote
    from pixel_generation.application.submission.submit import Accepted, SubmitGeneration
    from pixel_generation.domain.billing.budgets import Budget
    from pixel_generation.domain.billing.credits import Account
    from pixel_generation.domain.billing.promotions import Promotion
    from pixel_generation.domain.billing.receipt import Receipt
    from pixel_generation.domain.billing.statement import Transaction
    from pixel_generation.domain.catalogue.catalogue import Catalogue
    from pixel_generation.domain.jobs.job import Job, StoredEvent
    from pixel_generation.domain.jobs.statistics import GenerationStats
    from pixel_generation.domain.queueing.queues import QueueOverview, QueueStatus


@dataclass(frozen=True)
class Generations:
    """Use cases of users on generations."""

    submit: Callable[[Sequence[SubmitGeneration]], Awaitable[list[Accepted | PixelError]]]
    quote: Callable[[SubmitGeneration], Awaitable[Quote]]
    cancel: Callable[[UUID, Sequence[UUID]], Awaitable[list[Cancellation | PixelError]]]
    retry: Callable[[UUID, Sequence[UUID]], Awaitable[list[Accepted | PixelError]]]
    find: Callable[[UUID, UUID], Awaitable[GenerationView]]
    list_generations: Callable[[ListGenerations], Awaitable[Page[GenerationView, UUID]]]
    list_events: Callable[[ListEvents], Awaitable[list[StoredEvent]]]
    list_user_events: Callable[[ListUserEvents], Awaitable[UserEventsPage]]
    describe: Callable[[Job], Awaitable[GenerationView]]
    describe_accepted: Callable[[Job], Awaitable[GenerationView]]
    get_receipt: Callable[[UUID, UUID], Awaitable[Receipt]]
    get_catalogue: Callable[[], Awaitable[Catalogue]]


@dataclass(frozen=True)
class Billing:
    """Use cases of credits, promotion codes, limits and statements."""

    get_account: Callable[[UUID], Awaitable[Account]]
    update_account: Callable[[UpdateAccount], Awaitable[Account]]
    grant: Callable[[GrantCredits], Awaitable[tuple[bool, int]]]
    adjust: Callable[[AdjustCredits], Awaitable[Adjusted]]
    refund: Callable[[RefundGeneration], Awaitable[Refunded]]
    create_promotion: Callable[[CreatePromotion], Awaitable[Promotion]]
    list_promotions: Callable[[ListPromotions], Awaitable[Page[Promotion, str]]]
    end_promotion: Callable[[EndPromotion], Awaitable[Promotion]]
    redeem_promotion: Callable[[RedeemPromotion], Awaitable[Redeemed]]
    set_budget: Callable[[SetBudget], Awaitable[Budget]]
    delete_budget: Callable[[DeleteBudget], Awaitable[None]]
    list_budgets: Callable[[ListBudgets], Awaitable[list[Budget]]]
    list_transactions: Callable[[ListTransactions], Awaitable[Page[Transaction, UUID]]]
    sum_usage: Callable[[SumUsage], Awaitable[UsageSums]]
    reconcile: Callable[[], Awaitable[list[RuleResult]]]


@dataclass(frozen=True)
class Operations:
    """Use cases of operators."""

    get_queues: Callable[[], Awaitable[QueueOverview]]
    process_queue: Callable[[], Awaitable[Processed]]
    update_queue: Callable[[QueueChange], Awaitable[QueueStatus]]
    get_statistics: Callable[[UUID | None, date | None, date | None], Awaitable[GenerationStats]]
    list_failures: Callable[[ListFailures], Awaitable[FailuresPage]]
    redrive_failures: Callable[[RedriveFailures], Awaitable[Redriven]]
    list_actions: Callable[[ListActions], Awaitable[Page[Action, UUID]]]


@dataclass(frozen=True)
class Application:
    """The use cases of the service."""

    generations: Generations
    billing: Billing
    operations: Operations
