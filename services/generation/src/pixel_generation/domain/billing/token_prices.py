"""Token prices of a provider."""

from __future__ import annotations

from dataclasses import dataclass

MICROS = 1_000_000


@dataclass(frozen=True)
class TokenPrice:
    """Millionths of a US dollar for a million tokens of each kind."""

    text_input: int
    image_input: int
    image_output: int


def parse_token_prices(text: str) -> dict[str, TokenPrice]:
    """Read `model=text,image,output;…`, in US dollars for a million tokens; raise ValueError."""
    prices = {}
    for entry in filter(None, (part.strip() for part in text.split(";"))):
        model, equals, amounts = entry.partition("=")
        dollars = [float(amount) for amount in amounts.split(",")] if equals else []
        if len(dollars) != 3 or not all(0 <= amount < float("inf") for amount in dollars):  # noqa: PLR2004
            raise ValueError(f"openai_token_prices: {entry[:80]!r} is not of the form model=text,image,output")
        prices[model.strip()] = TokenPrice(*(round(amount * MICROS) for amount in dollars))
    return prices
