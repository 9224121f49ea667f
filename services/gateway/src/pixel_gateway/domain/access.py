"""Access by role and kind of endpoint: one table; everything else is denied."""

from __future__ import annotations

from enum import StrEnum

from pixel_errors import Forbidden, Unauthenticated


class Role(StrEnum):
    """The role of a caller. An account is a member, moderator or admin."""

    ANONYMOUS = "anonymous"
    MEMBER = "member"
    MODERATOR = "moderator"
    ADMIN = "admin"
    PROCESSOR = "processor"
    """A caller with the secret of the queue processor."""


ACCOUNT_ROLES = frozenset({Role.MEMBER, Role.MODERATOR, Role.ADMIN})


class Access(StrEnum):
    """The access of an endpoint. The default is authenticated callers only."""

    REQUIRED = "required"
    OPTIONAL = "optional"
    PUBLIC = "public"
    ADMIN = "admin"
    PROCESSOR = "processor"


_KNOWN = ACCOUNT_ROLES
MAY_USE: dict[Access, frozenset[Role]] = {
    Access.PUBLIC: frozenset({Role.ANONYMOUS, *_KNOWN}),
    Access.OPTIONAL: frozenset({Role.ANONYMOUS, *_KNOWN}),
    Access.REQUIRED: _KNOWN,
    Access.ADMIN: frozenset({Role.ADMIN}),
    Access.PROCESSOR: frozenset({Role.PROCESSOR}),
}


class RoleRequired(Forbidden):
    """Your account may not do this."""

    reason = "FORBIDDEN"


class QueueSecretNotSet(Forbidden):
    """No secret of the queue processor is set, so this endpoint is disabled."""

    reason = "QUEUE_SECRET_NOT_SET"


class QueueSecretRefused(Unauthenticated):
    """The secret of the queue processor is missing or wrong."""

    reason = "INVALID_QUEUE_SECRET"


def check_access(access: Access, role: Role) -> None:
    """Raise RoleRequired unless the role may use an endpoint of the kind."""
    if role not in MAY_USE.get(access, frozenset()):
        raise RoleRequired
