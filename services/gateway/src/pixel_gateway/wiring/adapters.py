"""The adapters of the process, opened once and shared by its roles."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pixel_cache import Cache, InProcessCache
from pixel_rpc import open_channel
from pixel_runtime.clock import SystemClock
from pixel_runtime.ids import format_id, new_id

from pixel_gateway.adapters.outbound.bulk_calls import PostgresBulkCalls
from pixel_gateway.adapters.outbound.cache import CachedLastStatus
from pixel_gateway.adapters.outbound.generation.billing_rpc import (
    GrpcAdjustments,
    GrpcBilling,
    GrpcBudgets,
    GrpcLedgerReads,
    GrpcPromotionCodes,
)
from pixel_gateway.adapters.outbound.generation.generations_rpc import GrpcGenerations
from pixel_gateway.adapters.outbound.generation.job_commands_rpc import GrpcJobCommands
from pixel_gateway.adapters.outbound.generation.operations_rpc import (
    GrpcFailedGenerations,
    GrpcQueueOperations,
    GrpcRecords,
)
from pixel_gateway.adapters.outbound.generation.user_events_rpc import GrpcUserEvents
from pixel_gateway.adapters.outbound.media.media_rpc import GrpcMedia
from pixel_gateway.adapters.outbound.postgres import PostgresAccounts, PostgresApiKeys
from pixel_gateway.adapters.outbound.social.notifications_rpc import GrpcNotifications
from pixel_gateway.adapters.outbound.social.social_rpc import GrpcSets
from pixel_gateway.adapters.outbound.tickets import PostgresTickets

if TYPE_CHECKING:
    from contextlib import AsyncExitStack

    from pixel_postgres import Pool

    from pixel_gateway.application.accounts.ports import Accounts, ApiKeys, Notifications
    from pixel_gateway.application.billing.ports import Adjustments, Billing, Budgets, LedgerReads, PromotionCodes
    from pixel_gateway.application.generations.ports import BulkCalls, Generations, JobCommands, LastStatus
    from pixel_gateway.application.images.ports import Media, Sets
    from pixel_gateway.application.live.ports import Tickets, UserEvents
    from pixel_gateway.application.operations.ports import FailedGenerations, QueueOperations, Records
    from pixel_gateway.application.ports import Clock, Ids
    from pixel_gateway.settings import Settings

_IMAGE_CHANNEL_DEADLINE_S = 30.0


class RandomIds:
    """Ids from time and random bits, secrets from random bits."""

    def new(self, prefix: str) -> str:
        """Return a new id with the prefix."""
        return format_id(prefix, new_id())

    def random_text(self) -> str:
        """Return 43 URL-safe characters with 256 random bits."""
        return secrets.token_urlsafe(32)


@dataclass(frozen=True, kw_only=True)
class Adapters:
    """One adapter for each port."""

    accounts: Accounts
    keys: ApiKeys
    tickets: Tickets
    bulk_calls: BulkCalls
    generations: Generations
    job_commands: JobCommands
    user_events: UserEvents
    last_status: LastStatus
    billing: Billing
    ledger_reads: LedgerReads
    budgets: Budgets
    adjustments: Adjustments
    promotions: PromotionCodes
    queue: QueueOperations
    failures: FailedGenerations
    records: Records
    sets: Sets
    notifications: Notifications
    media: Media
    ids: Ids
    clock: Clock


async def open_adapters(settings: Settings, pool: Pool, stack: AsyncExitStack) -> Adapters:
    """Return the adapters of the process; the stack closes them."""
    cache = cache_of(settings)
    stack.push_async_callback(cache.close)
    generation = await stack.enter_async_context(open_channel(settings.generation_address))
    media = await stack.enter_async_context(
        open_channel(settings.media_address, default_deadline_s=_IMAGE_CHANNEL_DEADLINE_S)
    )
    social = await stack.enter_async_context(open_channel(settings.social_address))
    generations = GrpcGenerations(generation)
    stack.push_async_callback(generations.close)
    return Adapters(
        accounts=PostgresAccounts(pool),
        keys=PostgresApiKeys(pool),
        tickets=PostgresTickets(pool),
        bulk_calls=PostgresBulkCalls(pool),
        generations=generations,
        job_commands=GrpcJobCommands(generation),
        user_events=GrpcUserEvents(generation),
        last_status=CachedLastStatus(cache),
        billing=GrpcBilling(generation),
        ledger_reads=GrpcLedgerReads(generation),
        budgets=GrpcBudgets(generation),
        adjustments=GrpcAdjustments(generation),
        promotions=GrpcPromotionCodes(generation),
        queue=GrpcQueueOperations(generation),
        failures=GrpcFailedGenerations(generation),
        records=GrpcRecords(generation),
        sets=GrpcSets(social),
        notifications=GrpcNotifications(social),
        media=GrpcMedia(media),
        ids=RandomIds(),
        clock=SystemClock(),
    )


def cache_of(settings: Settings) -> Cache:
    """Return the configured cache; it connects at the first use."""
    url = settings.redis_url or settings.broadcast_url
    if not url:
        return InProcessCache()
    from pixel_cache import RedisCache

    return RedisCache(url)
