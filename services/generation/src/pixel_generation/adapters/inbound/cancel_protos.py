"""Between cancellations and the messages of pixel.generation.v1."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixel.generation.v1 import generations_service_pb2 as pb
from pixel_errors import PixelError

from pixel_generation.adapters.inbound.read_request import read_generation_id
from pixel_generation.domain.cancellation import CancelOutcome

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

OUTCOMES = {outcome: pb.CancelOutcome.Value(f"CANCEL_OUTCOME_{outcome.name}") for outcome in CancelOutcome}


def read_generation_ids(texts: Iterable[str]) -> list[UUID | PixelError]:
    """Read each id on its own; a malformed one names nothing."""
    return [_read(text) for text in texts]


def _read(text: str) -> UUID | PixelError:
    try:
        return read_generation_id(text)
    except PixelError as error:
        return error
