"""Former names of facts in stored events and of parts of stored routes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

FACTS = {"lane": "queue", "spec": "work", "job_type": "kind", "images": "outputs"}
ROUTE = {"credits_per_image": "credits_per_unit"}


def facts_of(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts of a stored event with their current names."""
    return {FACTS.get(name, name): value for name, value in stored.items()}


def route_of(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stored route with its current names."""
    return {ROUTE.get(name, name): value for name, value in stored.items()}
