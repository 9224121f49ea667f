"""Settings; the defaults work on one machine."""

from __future__ import annotations

from dataclasses import dataclass, field

from pixel_runtime.settings import Secret


@dataclass(frozen=True)
class Settings:
    """Settings of the media service."""

    database_url: str = field(
        default="postgresql://media@127.0.0.1:5432/pixel", metadata={"env": ("PIXEL_MEDIA_DATABASE_URL",)}
    )
    migrate_url: str = field(default="", metadata={"env": ("PIXEL_MEDIA_MIGRATE_URL",)})
    """Database URL of the schema owner for migrations; empty means `database_url`."""
    grpc_address: str = field(default="127.0.0.1:50052", metadata={"env": ("PIXEL_MEDIA_GRPC_ADDRESS",)})
    metrics_address: str = field(default="", metadata={"env": ("PIXEL_MEDIA_METRICS_ADDRESS",)})
    """Address of /metrics; empty means off."""
    blobs_url: str = "file:.studio/objects"
    """`file:///folder`, or `s3://bucket?endpoint=http://host:port&region=us-east-1`."""
    blobs_public_url: str = ""
    """S3 endpoint for clients, when it differs."""
    blobs_access_key: Secret = field(default=Secret(""), metadata={"env": ("AWS_ACCESS_KEY_ID",)})
    blobs_secret_key: Secret = field(default=Secret(""), metadata={"env": ("AWS_SECRET_ACCESS_KEY",)})
    signing_key: Secret = field(default=Secret(""), metadata={"env": ("PIXEL_MEDIA_SIGNING_KEY",)})
    """Signs the URLs of a directory store; empty means a random key, whose URLs end with the process."""
    sandboxes: int = field(default=2, metadata={"env": ("PIXEL_MEDIA_SANDBOXES",)})
    """Images decoded concurrently."""
    max_uploads: int = field(default=8, metadata={"env": ("PIXEL_MEDIA_MAX_UPLOADS",)})
    """Concurrent uploads; each holds up to 50 MB of memory."""
    upload_timeout_s: float = field(default=60.0, metadata={"env": ("PIXEL_MEDIA_UPLOAD_TIMEOUT_S",)})
    """Longest time of one upload; an unfinished one is removed after twice as long."""
    sweep_every_s: float = field(default=300.0, metadata={"env": ("PIXEL_MEDIA_SWEEP_EVERY_S",)})
    usage_every_s: float = field(default=60.0, metadata={"env": ("PIXEL_MEDIA_USAGE_EVERY_S",)})
    pool_max_size: int = field(default=10, metadata={"env": ("PIXEL_MEDIA_POOL_MAX_SIZE",)})
    """Maximum connections to the database."""
    log_level: str = "INFO"
    otlp_endpoint: str = ""

    def __post_init__(self) -> None:
        if min(self.sandboxes, self.max_uploads, self.pool_max_size - 1) < 1:
            raise ValueError("sandboxes and max_uploads are at least 1, pool_max_size at least 2")
        if min(self.upload_timeout_s, self.sweep_every_s, self.usage_every_s) <= 0:
            raise ValueError("upload_timeout_s, sweep_every_s and usage_every_s are above 0")
