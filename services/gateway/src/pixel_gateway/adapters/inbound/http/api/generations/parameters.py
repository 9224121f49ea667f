"""Query parameters and header fields about generations."""

from __future__ import annotations

from pixel_gateway.adapters.inbound.http.routing.parameters import text, whole_number, word
from pixel_gateway.domain.generation import JobType, Status

MAX_SEQUENCE = 9_223_372_036_854_775_807
_STATUS_WORDS = [*map(str, Status), "pending", "complete", "canceled"]

AFTER = whole_number(
    "after",
    "Sequence of the last event seen; the stored events after it are returned.",
    default=-1,
    least=0,
    most=MAX_SEQUENCE,
    schema={"type": "integer", "minimum": 0},
)
CANCEL_AFTER = text(
    "Cancel-After",
    "`90s`, `15m` or `2h`: the generation is cancelled unless it has ended by then; from `1s` to `24h`. "
    "The same as `cancelAfter`, which is in seconds.",
    place="header",
)
STATUS = word("status", "Only this status.", _STATUS_WORDS)
KEY = text("idempotencyKey", "Only submissions with this idempotency key, at any endpoint.", max_length=512)
MODEL = text("model", "Only this model.", max_length=64)
JOB_TYPE = word("jobType", "Only this kind of work.", [*JobType])
FAILURE_CODE = text("failureCode", "Only failures of this code.", max_length=64)
