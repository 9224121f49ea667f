"""What the gateway can do with the engine, bound to its collaborators."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from pixel_gateway.application.accounts.administer import adjust_credits, monitor, update_user
from pixel_gateway.application.billing.key_budgets import (
    delete_key_budget,
    list_key_budgets,
    put_key_budget,
    refuse_limited_key,
)
from pixel_gateway.application.generations.bulk import cancel_many, retry_many
from pixel_gateway.application.generations.timeline import view_timeline

if TYPE_CHECKING:
    from pixel_gateway.application.engine_ports import (
        Adjustments,
        Budgets,
        BulkCalls,
        FailedGenerations,
        JobCommands,
        LedgerReads,
        PromotionCodes,
        QueueOperations,
        Records,
    )
    from pixel_gateway.application.generations.completion import Completion
    from pixel_gateway.application.ports import Accounts, ApiKeys, Clock, Generations


@dataclass(frozen=True, kw_only=True)
class EnginePorts:
    """The engine, as the adapters give it."""

    job_commands: JobCommands
    ledger_reads: LedgerReads
    budgets: Budgets
    adjustments: Adjustments
    promotions: PromotionCodes
    queue: QueueOperations
    failures: FailedGenerations
    records: Records
    bulk_calls: BulkCalls


class Engine:
    """The use cases of the engine, and its ports for reads that need no rule."""

    def __init__(
        self,
        ports: EnginePorts,
        *,
        accounts: Accounts,
        keys: ApiKeys,
        generations: Generations,
        completion: Completion,
        clock: Clock,
    ) -> None:
        self.ports = ports
        self.cancel_many = partial(
            cancel_many, job_commands=ports.job_commands, bulk_calls=ports.bulk_calls, clock=clock
        )
        self.retry_many = partial(retry_many, job_commands=ports.job_commands, bulk_calls=ports.bulk_calls, clock=clock)
        self.view_timeline = partial(
            view_timeline, generations=generations, records=ports.records, completion=completion
        )
        self.list_key_budgets = partial(list_key_budgets, keys=keys, budgets=ports.budgets)
        self.put_key_budget = partial(put_key_budget, keys=keys, budgets=ports.budgets)
        self.refuse_limited_key = partial(refuse_limited_key, budgets=ports.budgets)
        self.delete_key_budget = partial(delete_key_budget, keys=keys, budgets=ports.budgets)
        self.adjust_credits = partial(adjust_credits, accounts=accounts, adjustments=ports.adjustments)
        self.update_user = partial(update_user, accounts=accounts, adjustments=ports.adjustments)
        self.monitor = partial(monitor, queue=ports.queue, records=ports.records, failures=ports.failures, clock=clock)
