"""What the gateway needs from the world."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from pixel_errors import Invalid

from pixel_gateway.domain.generation import JobType, Priority

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence
    from datetime import datetime

    from pixel_gateway.domain.access import Role
    from pixel_gateway.domain.account import Account, Balance
    from pixel_gateway.domain.api_key import ApiKey, Principal
    from pixel_gateway.domain.generation import Generation, Model, Progress, Spec, Status
    from pixel_gateway.domain.image import Addresses, Image, ImageSet


class InvalidPageToken(Invalid):
    """The cursor is not one that this list gave out."""

    reason = "INVALID_PAGE_TOKEN"


class Clock(Protocol):
    """The time of day."""

    def now(self) -> datetime:
        """Return the present moment in UTC."""


class Ids(Protocol):
    """New ids and secrets."""

    def new(self, prefix: str) -> str:
        """Return a fresh id with the prefix."""

    def random_text(self) -> str:
        """Return 43 URL-safe characters that carry 256 random bits."""


class Accounts(Protocol):
    """Accounts by username."""

    async def ensure(self, account: Account, first_credits: int) -> Account:
        """Store the account unless its username is taken; return the one that has the username."""

    async def get(self, user_id: str) -> Account | None:
        """Return the account, or None."""

    async def owed_credits(self, limit: int) -> list[tuple[str, int]]:
        """Return users whose first credits have not been confirmed, oldest first, with the credits."""

    async def first_credits_given(self, user_id: str) -> None:
        """Record that the first credits have arrived; once is enough."""

    async def set_role(self, user_id: str, role: Role) -> None:
        """Give the account a role; raise NotFound for an unknown account."""


class ApiKeys(Protocol):
    """API keys by the digest of their secret."""

    async def add(self, key: ApiKey, secret_digest: bytes) -> None:
        """Store a key; raise NotFound for an unknown account, TooManyKeys at the bound."""

    async def find(self, secret_digest: bytes) -> Principal | None:
        """Return whom a working key stands for; None when it is unknown or revoked."""

    async def revoke(self, user_id: str, key_id: str, at: datetime) -> tuple[ApiKey, bytes]:
        """Revoke and return the key and its digest; a second time changes nothing; raise KeyNotFound."""

    async def of_account(self, user_id: str) -> list[ApiKey]:
        """Return at most 100 keys, newest first."""

    async def used(self, times: Mapping[str, datetime]) -> None:
        """Record when keys were last used."""


@dataclass(frozen=True)
class Submission:
    """One request for pictures; no `cancel_after_s` (0) means never."""

    user_id: str
    spec: Spec
    idempotency_key: str
    route: str
    job_type: JobType = JobType.IMAGE
    priority: Priority = Priority.NORMAL
    schedule_time: datetime | None = None
    cancel_after_s: float = 0
    api_key_id: str = ""
    end_user: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    adjust: bool = False
    allow_fallback: bool = False
    max_retries: int | None = None


@dataclass(frozen=True)
class HistoryQuery:
    """Which generations to list, newest first; empty words and None mean all."""

    user_id: str
    limit: int
    cursor: str = ""
    status: Status | None = None
    key: str = ""
    """Only what was submitted under this idempotency key."""
    model: str = ""
    job_type: JobType | None = None
    from_time: datetime | None = None
    to_time: datetime | None = None
    failure_code: str = ""


@dataclass(frozen=True)
class Accepted:
    """A generation that was accepted, or found again by its idempotency key."""

    generation: Generation
    replayed: bool


class Generations(Protocol):
    """Generations of the generation service. Every call raises Unavailable while it is away."""

    async def submit(self, submission: Submission) -> Accepted:
        """Accept the submission or raise why it is refused."""

    async def get(self, user_id: str, generation_id: str) -> Generation:
        """Return one generation of the user; raise NotFound."""

    async def page(self, query: HistoryQuery) -> tuple[list[Generation], str]:
        """Return a page, newest first, and the cursor of the next one (empty on the last)."""

    async def events(self, user_id: str, generation_id: str, after: int) -> list[Progress]:
        """Return stored events with a greater sequence, oldest first; raise NotFound."""

    async def models(self) -> list[Model]:
        """Return the catalogue."""


class Billing(Protocol):
    """Credits of the generation service."""

    async def balance(self, user_id: str) -> Balance:
        """Return the user's balance."""

    async def grant(self, user_id: str, credit_count: int, *, grant_id: str, reason: str) -> None:
        """Give credits once per user and grant id."""


class Sets(Protocol):
    """Sets and the public feed of the social service."""

    async def get(self, set_id: str, viewer_id: str) -> ImageSet:
        """Return a set the viewer may see (empty viewer: anonymous); raise NotFound."""

    async def discover(self, query: DiscoverQuery) -> tuple[list[Image], str]:
        """Return a page of public images and the cursor of the next one (empty on the last)."""


@dataclass(frozen=True)
class DiscoverQuery:
    """What to list; empty words mean all."""

    limit: int
    cursor: str = ""
    page: int = 0
    sort: str = "recent"
    model: str = ""
    style: str = ""
    user_id: str = ""
    from_time: datetime | None = None
    to_time: datetime | None = None


@dataclass(frozen=True)
class StoredObject:
    """An object that is being read."""

    content_type: str
    size_bytes: int
    chunks: AsyncGenerator[bytes, None]


class Media(Protocol):
    """Pictures' bytes of the media service."""

    async def addresses(self, asset_ids: Sequence[str]) -> Mapping[str, Addresses]:
        """Return fresh signed addresses of the assets that exist."""

    async def read(self, key: str, *, expires: int, signature: str) -> StoredObject:
        """Open the object of a signed address; raise Forbidden when altered or expired, NotFound when gone."""

    async def fetch(self, address: str) -> bytes:
        """Return all bytes behind a signed address that `addresses` gave."""


class LastStatus(Protocol):
    """The newest status of each generation, kept a while; it need not be there."""

    async def put(self, events: Sequence[Progress]) -> None:
        """Remember the statuses; trouble is counted, not raised."""

    async def get(self, generation_id: str) -> Progress | None:
        """Return the newest status known, or None."""
