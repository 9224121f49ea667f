"""The use cases bound to their ports."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from pixel_gateway.application import Application
from pixel_gateway.application.accounts import AccountUseCases
from pixel_gateway.application.accounts.accounts import ensure_account, give_owed_credits
from pixel_gateway.application.accounts.administer import adjust_credits, update_user
from pixel_gateway.application.accounts.api_keys import Authenticator, create_api_key, revoke_api_key
from pixel_gateway.application.accounts.key_budgets import (
    delete_key_budget,
    list_key_budgets,
    put_key_budget,
    refuse_limited_key,
)
from pixel_gateway.application.billing import BillingUseCases
from pixel_gateway.application.generations import GenerationUseCases
from pixel_gateway.application.generations.bulk import cancel_many, retry_many
from pixel_gateway.application.generations.timeline import view_timeline
from pixel_gateway.application.generations.view_generations import (
    list_events,
    list_generations,
    view_generation,
    view_progress,
)
from pixel_gateway.application.images import ImageUseCases
from pixel_gateway.application.live import LiveUseCases
from pixel_gateway.application.live.await_images import await_images, has_ended
from pixel_gateway.application.live.hub import Hub
from pixel_gateway.application.live.tickets import create_ticket, use_ticket
from pixel_gateway.application.live.user_channel import UserChannels
from pixel_gateway.application.operations import OperationUseCases
from pixel_gateway.application.operations.monitor import monitor

if TYPE_CHECKING:
    from pixel_gateway.application.generations.completion import Completion
    from pixel_gateway.domain.generation import Progress
    from pixel_gateway.wiring.adapters import Adapters


def make_application(
    adapters: Adapters, completion: Completion, *, admin_usernames: frozenset[str] = frozenset()
) -> Application:
    """Return the use cases of one process."""
    hub = Hub(generations=adapters.generations, completion=completion)
    return Application(
        generations=_generations(adapters, completion, hub),
        images=_images(adapters),
        live=_live(adapters, completion, hub),
        accounts=_accounts(adapters, admin_usernames),
        billing=_billing(adapters),
        operations=_operations(adapters),
    )


def _generations(adapters: Adapters, completion: Completion, hub: Hub) -> GenerationUseCases:
    generations, job_commands = adapters.generations, adapters.job_commands
    bulk_calls, clock = adapters.bulk_calls, adapters.clock
    return GenerationUseCases(
        submit=generations.submit,
        view=partial(view_generation, generations=generations, completion=completion),
        list_page=partial(list_generations, generations=generations, completion=completion),
        view_progress=partial(
            view_progress, generations=generations, completion=completion, last_status=adapters.last_status
        ),
        list_events=partial(list_events, generations=generations, completion=completion),
        view_timeline=partial(view_timeline, generations=generations, completion=completion, records=adapters.records),
        wait_until_ended=partial(has_ended, hub=hub),
        await_images=partial(await_images, generations=generations, hub=hub, media=adapters.media),
        as_readable=completion.shown,
        all_as_readable=completion.all_shown,
        cancel=job_commands.cancel,
        retry=job_commands.retry,
        cancel_many=partial(cancel_many, job_commands=job_commands, bulk_calls=bulk_calls, clock=clock),
        retry_many=partial(retry_many, job_commands=job_commands, bulk_calls=bulk_calls, clock=clock),
        list_models=generations.models,
    )


def _images(adapters: Adapters) -> ImageUseCases:
    return ImageUseCases(
        sign_addresses=adapters.media.addresses,
        read_object=adapters.media.read,
        fetch_asset=adapters.media.fetch,
        get_set=adapters.sets.get,
        discover=adapters.sets.discover,
    )


def _live(adapters: Adapters, completion: Completion, hub: Hub) -> LiveUseCases:
    channels = UserChannels(
        user_events=adapters.user_events,
        generations=adapters.generations,
        completion=completion,
        clock=adapters.clock,
    )

    def publish(event: Progress) -> None:
        hub.publish(event)
        channels.publish(event)

    def close_streams() -> None:
        hub.close()
        channels.close()

    return LiveUseCases(
        watch_generation=hub.watch,
        watch_user=channels.watch,
        publish=publish,
        remember_statuses=adapters.last_status.put,
        poll_silent_generations=hub.look,
        close_streams=close_streams,
        streams_are_closing=lambda: hub.is_closing,
        watcher_count=lambda: hub.watcher_count,
        watched_generation_count=lambda: hub.group_count,
        listener_count=lambda: channels.listener_count,
        create_ticket=partial(
            create_ticket,
            tickets=adapters.tickets,
            generations=adapters.generations,
            ids=adapters.ids,
            clock=adapters.clock,
        ),
        use_ticket=partial(use_ticket, tickets=adapters.tickets, clock=adapters.clock),
    )


def _accounts(adapters: Adapters, admin_usernames: frozenset[str]) -> AccountUseCases:
    accounts, keys, ids, clock = adapters.accounts, adapters.keys, adapters.ids, adapters.clock
    authenticator = Authenticator(keys=keys, clock=clock)
    return AccountUseCases(
        authenticate=authenticator.authenticate,
        write_key_usage=authenticator.write_usage,
        ensure=partial(
            ensure_account,
            accounts=accounts,
            billing=adapters.billing,
            ids=ids,
            clock=clock,
            admin_usernames=admin_usernames,
        ),
        give_owed_credits=partial(give_owed_credits, accounts=accounts, billing=adapters.billing),
        get=accounts.get,
        create_api_key=partial(create_api_key, keys=keys, ids=ids, clock=clock),
        revoke_api_key=partial(revoke_api_key, keys=keys, authenticator=authenticator, clock=clock),
        list_api_keys=keys.of_account,
        update_user=partial(update_user, accounts=accounts, adjustments=adapters.adjustments),
        list_notifications=adapters.notifications.page,
        mark_notifications_read=adapters.notifications.mark_read,
    )


def _billing(adapters: Adapters) -> BillingUseCases:
    budgets, ledger_reads, keys = adapters.budgets, adapters.ledger_reads, adapters.keys
    return BillingUseCases(
        get_balance=adapters.billing.balance,
        quote=adapters.job_commands.quote,
        view_receipt=adapters.job_commands.receipt,
        list_transactions=ledger_reads.transactions,
        view_usage=ledger_reads.usage,
        redeem_promotion=ledger_reads.redeem,
        list_promotions=adapters.promotions.page,
        create_promotion=adapters.promotions.create,
        end_promotion=adapters.promotions.end,
        refuse_limited_key=partial(refuse_limited_key, budgets=budgets),
        list_key_budgets=partial(list_key_budgets, keys=keys, budgets=budgets),
        put_key_budget=partial(put_key_budget, keys=keys, budgets=budgets),
        delete_key_budget=partial(delete_key_budget, keys=keys, budgets=budgets),
        list_budgets=budgets.of,
        put_budget=budgets.put,
        delete_budget=budgets.delete,
        new_adjustment_id=adapters.ids.random_text,
        adjust_credits=partial(adjust_credits, accounts=adapters.accounts, adjustments=adapters.adjustments),
        refund=adapters.adjustments.refund,
        reconcile=adapters.adjustments.reconcile,
    )


def _operations(adapters: Adapters) -> OperationUseCases:
    return OperationUseCases(
        monitor=partial(
            monitor, queue=adapters.queue, records=adapters.records, failures=adapters.failures, clock=adapters.clock
        ),
        view_queue_status=adapters.queue.status,
        process_queue=adapters.queue.process,
        list_queues=adapters.queue.queues,
        update_queue=adapters.queue.update_queue,
        view_stats=adapters.records.stats,
        list_actions=adapters.records.actions,
        list_failures=adapters.failures.page,
        redrive_failures=adapters.failures.redrive,
    )
