"""Translates the driver's errors to the error kinds of pixel_errors."""

from __future__ import annotations

from pixel_errors import Conflict, DeadlineExceeded, FailedPrecondition, PixelError, Unavailable
from psycopg import Error, InterfaceError, OperationalError, errors
from psycopg_pool import PoolTimeout, TooManyRequests

COMMIT_UNKNOWN = "COMMIT_UNKNOWN"
"""Reason of an Unavailable: the connection was lost during COMMIT, so the change may be committed or not."""

_RETRY_AFTER_S = 1.0
_COLLISIONS = (errors.UniqueViolation, errors.ExclusionViolation)
_BROKEN_RULES = (errors.CheckViolation, errors.ForeignKeyViolation, errors.NotNullViolation, errors.RestrictViolation)
_RETRYABLE_CLASSES = {
    "08": "DATABASE_UNREACHABLE",  # connection exception
    "25": "TRANSACTION_TIMED_OUT",  # idle in transaction, read-only server after a failover
    "40": "TRANSACTION_COLLIDED",  # serialization failure, deadlock
    "53": "DATABASE_OVERLOADED",  # disk full, out of memory, too many connections
    "55": "LOCKED",  # lock not available
    "57": "DATABASE_UNREACHABLE",  # shut down, starting up
    "58": "DATABASE_UNREACHABLE",  # input or output error of the server
}
_RETRYABLE_IN_25 = (errors.ReadOnlySqlTransaction, errors.IdleInTransactionSessionTimeout)
_LOST_CLASSES = ("08", "57")


def translate(error: Error, *, committing: bool = False) -> PixelError | None:
    """Return the kind of a driver error, or None when it is a defect of the caller (wrong SQL, wrong types).

    `committing` means that COMMIT was sent: a connection lost then has reason COMMIT_UNKNOWN.
    """
    if isinstance(error, PoolTimeout | TooManyRequests):
        return Unavailable("no database connection is free", reason="POOL_EXHAUSTED", retry_after_s=_RETRY_AFTER_S)
    if isinstance(error, _COLLISIONS):
        return Conflict("a row with the same key exists", metadata=_constraint(error))
    if isinstance(error, _BROKEN_RULES):
        return FailedPrecondition("the change breaks a rule of the data", metadata=_constraint(error))
    if isinstance(error, errors.QueryCanceled):
        return DeadlineExceeded("the database took too long")
    return _unavailable(error, committing=committing)


def _unavailable(error: Error, *, committing: bool) -> PixelError | None:
    state_class = (error.sqlstate or "")[:2]
    is_lost = state_class in _LOST_CLASSES or (not state_class and isinstance(error, OperationalError | InterfaceError))
    if is_lost:
        reason = COMMIT_UNKNOWN if committing else "DATABASE_UNREACHABLE"
        return Unavailable("the database cannot be reached", reason=reason, retry_after_s=_RETRY_AFTER_S)
    if state_class == "25" and not isinstance(error, _RETRYABLE_IN_25):
        return None
    if state_class in _RETRYABLE_CLASSES and not isinstance(error, errors.ObjectNotInPrerequisiteState):
        reason = _RETRYABLE_CLASSES[state_class]
        return Unavailable("the database cannot do this now", reason=reason, retry_after_s=_RETRY_AFTER_S)
    return None


def _constraint(error: Error) -> dict[str, str]:
    return {"constraint": error.diag.constraint_name} if error.diag.constraint_name else {}
