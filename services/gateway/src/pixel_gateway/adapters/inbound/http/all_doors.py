"""Every door of the gateway. Who may use which stands in `domain/access.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixel_gateway.adapters.inbound.http import (
    accounts,
    admin_accounts,
    admin_work,
    budgets,
    cancel_retry,
    credits,  # noqa: A004  the doors of credits, not the builtin
    docs,
    generations,
    health,
    images,
    media,
    notifications,
    openai,
    queues,
    quotes,
    receipts,
    streams,
    tickets,
    usage,
)

if TYPE_CHECKING:
    from pixel_gateway.adapters.inbound.http.doors import Door
    from pixel_gateway.adapters.inbound.http.health import Health
    from pixel_gateway.adapters.inbound.http.open_streams import OpenStreams
    from pixel_gateway.application import Application


def all_doors(
    application: Application, checks: Health, open_streams: OpenStreams, *, image_wait_s: float
) -> list[Door]:
    """Return every door but the sockets, the described ones and the ones that describe them."""
    described = [
        *generations.doors(application),
        *cancel_retry.doors(application),
        *receipts.doors(application),
        *quotes.doors(application),
        *credits.doors(application),
        *usage.doors(application),
        *budgets.doors(application),
        *queues.doors(application),
        *streams.doors(application, open_streams),
        *tickets.doors(application),
        *images.doors(application),
        *notifications.doors(application),
        *accounts.doors(application),
        *openai.doors(application, wait_s=image_wait_s),
        *media.doors(application),
        *health.doors(checks),
        *admin_work.doors(application, checks),
        *admin_accounts.doors(application),
    ]
    return described + docs.doors(described)
