"""Errors of this service, each with its stable reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixel_errors import Conflict, Exhausted, FailedPrecondition, Forbidden, Invalid, NotFound, Unavailable, Violation

if TYPE_CHECKING:
    from collections.abc import Sequence


class WorkInvalid(Invalid):
    """The request breaks a rule of the catalogue; the violations name fields and accepted values."""

    reason = "INVALID_GENERATION"


class ModelNotFound(NotFound):
    """No model has this id or alias; metadata lists the accepted ids."""

    reason = "MODEL_NOT_FOUND"


class ModelUnavailable(FailedPrecondition):
    """The model is known, its provider is not configured here."""

    reason = "MODEL_UNAVAILABLE"


class PriceUnknown(Invalid):
    """No price rule covers the request, so nothing may be held for it; metadata names the model."""

    reason = "PRICE_UNKNOWN"


class GenerationNotFound(NotFound):
    """There is no such generation, or it is another user's."""

    reason = "GENERATION_NOT_FOUND"


class InsufficientCredits(FailedPrecondition):
    """The balance does not cover the cost; metadata holds `cost` and `available`."""

    reason = "INSUFFICIENT_CREDITS"


class BalanceTooLow(FailedPrecondition):
    """An adjustment would take more credits than the user has.

    Metadata holds `available`.
    """

    reason = "BALANCE_TOO_LOW"


class DailyLimitReached(FailedPrecondition):
    """The request would exceed the user's daily limit; metadata holds `limit` and `reset`."""

    reason = "DAILY_LIMIT_REACHED"


class BudgetExhausted(FailedPrecondition):
    """The request would exceed a budget; metadata holds its `scope` and `period`."""

    reason = "BUDGET_EXHAUSTED"


class PriorityNotAllowed(Forbidden):
    """The plan of the user does not include this priority."""

    reason = "PRIORITY_NOT_ALLOWED"


class KindNotAvailable(Invalid):
    """This kind of work cannot be run on this server."""

    reason = "JOB_TYPE_NOT_AVAILABLE"

    @classmethod
    def of(cls, kind: str, available: Sequence[str]) -> KindNotAvailable:
        """Raise with the requested and the existing kinds."""
        accepted = ", ".join(available)
        message = f"This server cannot run {kind} jobs. Accepted: {accepted}."
        return cls(message, metadata={"accepted": accepted}, violations=(Violation("jobType", message),))


class NothingCaptured(FailedPrecondition):
    """No round of the generation captured credits, so none can be refunded."""

    reason = "NOTHING_CAPTURED"


class PromotionNotFound(NotFound):
    """There is no such promotion code."""

    reason = "PROMOTION_NOT_FOUND"


class PromotionExists(Conflict):
    """There is a promotion of this code already."""

    reason = "PROMOTION_EXISTS"


class PromotionEnded(FailedPrecondition):
    """The promotion has ended: its time has passed or its uses are used up."""

    reason = "PROMOTION_ENDED"


class PlanNotFound(NotFound):
    """There is no such plan."""

    reason = "PLAN_NOT_FOUND"


class BudgetNotFound(NotFound):
    """There is no such budget."""

    reason = "BUDGET_NOT_FOUND"


class TooManyOpenJobs(Exhausted):
    """The user has as many open jobs as the plan allows; metadata holds `limit`."""

    reason = "TOO_MANY_OPEN_JOBS"


class QueueNotFound(NotFound):
    """There is no such queue.

    Metadata holds `queue`.
    """

    reason = "QUEUE_NOT_FOUND"


class QueueClosed(Unavailable):
    """The queue of the model accepts no new jobs at the moment."""

    reason = "QUEUE_CLOSED"


class QueueFull(Unavailable):
    """The queue of the model is full."""

    reason = "QUEUE_FULL"


class IdempotencyKeyReused(Invalid):
    """The idempotency key was used before for another request."""

    reason = "IDEMPOTENCY_KEY_REUSED"


class SubmissionsFull(Unavailable):
    """Too many submissions are queued."""

    reason = "SUBMISSIONS_FULL"


class IllegalTransition(Conflict):
    """The job is not in a state that allows this change."""

    reason = "ILLEGAL_TRANSITION"


class GenerationArchived(Conflict):
    """The generation is archived and can only be read."""

    reason = "GENERATION_ARCHIVED"


class RetryNotPossible(Conflict):
    """Only a generation that failed, or was cancelled before its first output, can be retried.

    Metadata holds `status`.
    """

    reason = "RETRY_NOT_POSSIBLE"
