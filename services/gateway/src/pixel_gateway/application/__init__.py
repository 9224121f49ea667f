"""What the gateway can do, bound to its collaborators."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from pixel_gateway.application.accounts.accounts import ensure_account, give_owed_credits
from pixel_gateway.application.accounts.api_keys import Authenticator, create_api_key, revoke_api_key
from pixel_gateway.application.engine import Engine
from pixel_gateway.application.generations.await_images import await_images, has_ended
from pixel_gateway.application.generations.completion import Completion
from pixel_gateway.application.generations.view_generations import (
    list_events,
    list_generations,
    view_generation,
    view_progress,
)
from pixel_gateway.application.live.hub import Hub
from pixel_gateway.application.live.tickets import create_ticket, use_ticket
from pixel_gateway.application.live.user_channel import UserChannels

if TYPE_CHECKING:
    from pixel_gateway.application.accounts.notification_ports import Notifications
    from pixel_gateway.application.engine import EnginePorts
    from pixel_gateway.application.live.ports import Tickets, UserEvents
    from pixel_gateway.application.ports import (
        Accounts,
        ApiKeys,
        Billing,
        Clock,
        Generations,
        Ids,
        LastStatus,
        Media,
        Sets,
    )
    from pixel_gateway.domain.generation import Progress


@dataclass(frozen=True, kw_only=True)
class Ports:
    """The world, as the adapters give it."""

    accounts: Accounts
    keys: ApiKeys
    generations: Generations
    billing: Billing
    sets: Sets
    media: Media
    last_status: LastStatus
    user_events: UserEvents
    tickets: Tickets
    notifications: Notifications
    engine: EnginePorts
    ids: Ids
    clock: Clock
    admin_usernames: frozenset[str] = frozenset()


class Application:
    """The use cases, and the ports for reads that need no rule."""

    def __init__(self, ports: Ports) -> None:
        self.ports = ports
        self.completion = Completion(sets=ports.sets)
        self.hub = Hub(generations=ports.generations, completion=self.completion)
        self.channels = UserChannels(
            user_events=ports.user_events,
            generations=ports.generations,
            completion=self.completion,
            clock=ports.clock,
        )
        self.create_ticket = partial(
            create_ticket, tickets=ports.tickets, generations=ports.generations, ids=ports.ids, clock=ports.clock
        )
        self.use_ticket = partial(use_ticket, tickets=ports.tickets, clock=ports.clock)
        self.authenticator = Authenticator(keys=ports.keys, clock=ports.clock)
        self.ensure_account = partial(
            ensure_account,
            accounts=ports.accounts,
            billing=ports.billing,
            ids=ports.ids,
            clock=ports.clock,
            admin_usernames=ports.admin_usernames,
        )
        self.engine = Engine(
            ports.engine,
            accounts=ports.accounts,
            keys=ports.keys,
            generations=ports.generations,
            completion=self.completion,
            clock=ports.clock,
        )
        self.has_ended = partial(has_ended, hub=self.hub)
        self.give_owed_credits = partial(give_owed_credits, accounts=ports.accounts, billing=ports.billing)
        self.create_api_key = partial(create_api_key, keys=ports.keys, ids=ports.ids, clock=ports.clock)
        self.revoke_api_key = partial(
            revoke_api_key, keys=ports.keys, authenticator=self.authenticator, clock=ports.clock
        )
        self.view_generation = partial(view_generation, generations=ports.generations, completion=self.completion)
        self.list_generations = partial(list_generations, generations=ports.generations, completion=self.completion)
        self.list_events = partial(list_events, generations=ports.generations, completion=self.completion)
        self.view_progress = partial(
            view_progress,
            generations=ports.generations,
            completion=self.completion,
            last_status=ports.last_status,
        )
        self.await_images = partial(await_images, generations=ports.generations, hub=self.hub, media=ports.media)

    def publish(self, event: Progress) -> None:
        """Hand a stored event to whoever follows its generation or its user; never waits."""
        self.hub.publish(event)
        self.channels.publish(event)

    def close_streams(self) -> None:
        """End every stream at its next turn; clients resume elsewhere."""
        self.hub.close()
        self.channels.close()
