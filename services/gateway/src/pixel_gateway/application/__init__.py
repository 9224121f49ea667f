"""The use cases of the gateway: one callable for each, by capability, with its ports bound in `wiring`.

Inbound adapters call these and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pixel_gateway.application.accounts import AccountUseCases
    from pixel_gateway.application.billing import BillingUseCases
    from pixel_gateway.application.generations import GenerationUseCases
    from pixel_gateway.application.images import ImageUseCases
    from pixel_gateway.application.live import LiveUseCases
    from pixel_gateway.application.operations import OperationUseCases


@dataclass(frozen=True, kw_only=True)
class Application:
    """The use cases."""

    generations: GenerationUseCases
    images: ImageUseCases
    live: LiveUseCases
    accounts: AccountUseCases
    billing: BillingUseCases
    operations: OperationUseCases
