from __future__ import annotations

import psycopg
import pytest
from pixel_errors import Conflict, DeadlineExceeded, FailedPrecondition, Unavailable
from pixel_postgres.errors import translate
from psycopg import errors
from psycopg_pool import PoolClosed, PoolTimeout, TooManyRequests


@pytest.mark.parametrize(
    ("error", "kind", "reason"),
    [
        (errors.UniqueViolation(), Conflict, "CONFLICT"),
        (errors.ExclusionViolation(), Conflict, "CONFLICT"),
        (errors.CheckViolation(), FailedPrecondition, "FAILED_PRECONDITION"),
        (errors.ForeignKeyViolation(), FailedPrecondition, "FAILED_PRECONDITION"),
        (errors.QueryCanceled(), DeadlineExceeded, "DEADLINE_EXCEEDED"),
        (errors.SerializationFailure(), Unavailable, "TRANSACTION_COLLIDED"),
        (errors.DeadlockDetected(), Unavailable, "TRANSACTION_COLLIDED"),
        (errors.LockNotAvailable(), Unavailable, "LOCKED"),
        (errors.DiskFull(), Unavailable, "DATABASE_OVERLOADED"),
        (errors.TooManyConnections(), Unavailable, "DATABASE_OVERLOADED"),
        (errors.ReadOnlySqlTransaction(), Unavailable, "TRANSACTION_TIMED_OUT"),
        (errors.AdminShutdown(), Unavailable, "DATABASE_UNREACHABLE"),
        (errors.CannotConnectNow(), Unavailable, "DATABASE_UNREACHABLE"),
        (psycopg.OperationalError("server closed the connection"), Unavailable, "DATABASE_UNREACHABLE"),
        (psycopg.InterfaceError("the connection is closed"), Unavailable, "DATABASE_UNREACHABLE"),
        (PoolTimeout(), Unavailable, "POOL_EXHAUSTED"),
        (TooManyRequests(), Unavailable, "POOL_EXHAUSTED"),
        (PoolClosed(), Unavailable, "DATABASE_UNREACHABLE"),
    ],
)
def test_expected_database_errors_have_a_kind(error, kind, reason):
    translated = translate(error)
    assert translated is not None
    assert type(translated) is kind
    assert translated.code == reason


@pytest.mark.parametrize(
    "error",
    [
        errors.SyntaxError(),
        errors.UndefinedTable(),
        errors.InsufficientPrivilege(),
        errors.InFailedSqlTransaction(),
        errors.NumericValueOutOfRange(),
        psycopg.ProgrammingError("wrong number of parameters"),
    ],
)
def test_defects_of_the_caller_have_no_kind(error):
    assert translate(error) is None


@pytest.mark.parametrize("error", [psycopg.OperationalError("gone"), errors.AdminShutdown(), errors.CrashShutdown()])
def test_a_connection_lost_during_commit_leaves_the_outcome_open(error):
    translated = translate(error, committing=True)
    assert type(translated) is Unavailable
    assert translated.code == "COMMIT_UNKNOWN"


@pytest.mark.parametrize("error", [errors.SerializationFailure(), errors.CheckViolation(), errors.DiskFull()])
def test_a_refused_commit_is_a_known_outcome(error):
    translated = translate(error, committing=True)
    assert translated is not None
    assert translated.code != "COMMIT_UNKNOWN"


def test_only_retryable_errors_have_a_retry_after():
    unavailable, conflict = translate(errors.DeadlockDetected()), translate(errors.UniqueViolation())
    assert unavailable is not None
    assert unavailable.retry_after_s == 1.0
    assert conflict is not None
    assert conflict.retry_after_s is None
