"""Converts quotes, balances and receipts to public bodies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixel_gateway.adapters.inbound.http.api.billing.schemas import (
    AttemptView,
    CreditsView,
    QuoteEta,
    QuoteView,
    ReceiptView,
)
from pixel_gateway.adapters.inbound.http.api.generations.presenters import route_view
from pixel_gateway.adapters.inbound.http.routing.struct_mapping import to_struct

if TYPE_CHECKING:
    from pixel_gateway.domain.account import Balance
    from pixel_gateway.domain.billing import Quote, Receipt


def credits_view(balance: Balance) -> CreditsView:
    """Return the public form of a balance."""
    return to_struct(balance, CreditsView)


def receipt_view(receipt: Receipt) -> ReceiptView:
    """Return the public form of a receipt."""
    return to_struct(receipt, ReceiptView, attempts=[to_struct(each, AttemptView) for each in receipt.attempts])


def quote_view(quote: Quote) -> QuoteView:
    """Return the public form of a quote."""
    return to_struct(
        quote,
        QuoteView,
        model=quote.spec.model,
        number_of_images=quote.spec.number_of_images,
        size=quote.spec.size or None,
        quality=quote.spec.quality or None,
        route=route_view(quote.route),
        eta=QuoteEta(*quote.eta_s) if quote.eta_s else None,
    )
