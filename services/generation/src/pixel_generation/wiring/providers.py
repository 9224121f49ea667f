"""The configured providers."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from pixel_generation.application.maintenance.ports import CallLookup
from pixel_generation.domain.billing.token_prices import parse_token_prices

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pixel_generation.domain.providers.provider import Provider
    from pixel_generation.settings import Settings

Port = TypeVar("Port")


def open_providers(settings: Settings) -> dict[str, Provider]:
    """Return the providers by their name in the catalogue; each is imported only when it is configured."""
    from pixel_generation.adapters.outbound.providers.sketch import SketchPainter

    providers: dict[str, Provider] = {"sketch": SketchPainter()}
    if settings.openai_api_key:
        from pixel_generation.adapters.outbound.providers.openai import OpenAIImages

        providers["openai"] = OpenAIImages(
            api_key=settings.openai_api_key.reveal(),
            base_url=settings.openai_base_url,
            prices=parse_token_prices(settings.openai_token_prices),
        )
    return providers


def serving(port: type[Port], providers: Mapping[str, object]) -> dict[str, Port]:
    """Return the providers that implement a port."""
    return {name: provider for name, provider in providers.items() if isinstance(provider, port)}


def lookups_of(providers: Mapping[str, object]) -> dict[str, CallLookup]:
    """Return the providers that can look up the outcome of a call."""
    return serving(CallLookup, providers)  # type: ignore[type-abstract]
