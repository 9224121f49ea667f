"""Refusals of this service, each with its stable reason."""

from __future__ import annotations

from pixel_errors import Conflict, FailedPrecondition, Invalid, NotFound, Unavailable


class SpecInvalid(Invalid):
    """The request breaks a rule of the catalogue; the violations name fields and accepted values."""

    reason = "INVALID_GENERATION"


class ModelNotFound(NotFound):
    """No model has this id or alias; metadata lists the accepted ids."""

    reason = "MODEL_NOT_FOUND"


class ModelUnavailable(FailedPrecondition):
    """The model is known, its provider is not configured here."""

    reason = "MODEL_UNAVAILABLE"


class GenerationNotFound(NotFound):
    """There is no such generation, or it is another user's."""

    reason = "GENERATION_NOT_FOUND"


class InsufficientCredits(FailedPrecondition):
    """The balance does not cover the cost; metadata holds `cost` and `available`."""

    reason = "INSUFFICIENT_CREDITS"


class IdempotencyKeyReused(Invalid):
    """The idempotency key was used before for another request."""

    reason = "IDEMPOTENCY_KEY_REUSED"


class SubmissionsFull(Unavailable):
    """More submissions wait than the service takes on."""

    reason = "SUBMISSIONS_FULL"


class IllegalTransition(Conflict):
    """The job is not in a state that allows this change."""

    reason = "ILLEGAL_TRANSITION"
