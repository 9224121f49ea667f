"""Settings; the defaults work on one machine."""

from __future__ import annotations

from dataclasses import dataclass, field

from pixel_runtime.settings import Secret


@dataclass(frozen=True)
class Settings:
    """Settings of the gateway."""

    http_address: str = field(default="127.0.0.1:8080", metadata={"env": ("PIXEL_GATEWAY_HTTP_ADDRESS",)})
    grpc_address: str = field(default="127.0.0.1:50050", metadata={"env": ("PIXEL_GATEWAY_GRPC_ADDRESS",)})
    metrics_address: str = field(default="", metadata={"env": ("PIXEL_GATEWAY_METRICS_ADDRESS",)})
    """Address of /metrics; empty means off."""
    public_url: str = ""
    """Public base URL, for absolute links; empty means that of each request."""
    allowed_hosts: tuple[str, ...] = ()
    """Allowed hosts besides loopback, the local address and the host of `public_url`; `*` is any."""
    database_url: str = field(
        default="postgresql://gateway@127.0.0.1:5432/pixel", metadata={"env": ("PIXEL_GATEWAY_DATABASE_URL",)}
    )
    migrate_url: str = field(default="", metadata={"env": ("PIXEL_GATEWAY_MIGRATE_URL",)})
    """Database URL of the schema owner for migrations; empty means `database_url`."""
    pool_max_size: int = field(default=10, metadata={"env": ("PIXEL_GATEWAY_POOL_MAX_SIZE",)})
    """Maximum connections to the database."""
    bus_url: str = "postgresql://bus@127.0.0.1:5432/pixel"
    """`postgresql://…` is the bus in Postgres, `kafka://host:port,host:port` is Kafka."""
    kafka_brokers: str = field(default="", metadata={"env": ("KAFKA_BROKERS",)})
    """`host:port,host:port`; overrides `bus_url`."""
    kafka_client_id: str = field(default="pixel-studio", metadata={"env": ("KAFKA_CLIENT_ID",)})
    kafka_ssl: bool = field(default=False, metadata={"env": ("KAFKA_SSL",)})
    kafka_sasl_username: str = field(default="", metadata={"env": ("KAFKA_SASL_USERNAME",)})
    kafka_sasl_password: Secret = field(default=Secret(), metadata={"env": ("KAFKA_SASL_PASSWORD",)})
    redis_url: str = field(default="", metadata={"env": ("REDIS_URL",)})
    """Cache of last statuses; empty means `broadcast_url`, or this process."""
    broadcast_url: str = field(default="", metadata={"env": ("REDIS_WS_ADAPTER_URL",)})
    """Redis whose pub/sub carries status events between gateways, which then share one consumer group.

    Empty means that each gateway reads every event from the bus itself.
    """
    generation_address: str = "127.0.0.1:50051"
    media_address: str = "127.0.0.1:50052"
    social_address: str = "127.0.0.1:50053"
    admin_usernames: tuple[str, ...] = ("studio",)
    """Accounts of these names are admins; PATCH /api/admin/users/{id} adds others."""
    queue_processor_secret: Secret = field(default=Secret(), metadata={"env": ("QUEUE_PROCESSOR_SECRET",)})
    """Secret of POST /api/queue/process; empty disables it."""
    image_wait_s: float = field(default=120.0, metadata={"env": ("PIXEL_GATEWAY_IMAGE_WAIT_S",)})
    """Seconds POST /v1/images/generations waits for its pictures."""
    max_connections: int = field(default=12_000, metadata={"env": ("PIXEL_GATEWAY_MAX_CONNECTIONS",)})
    max_streams: int = field(default=10_000, metadata={"env": ("PIXEL_GATEWAY_MAX_STREAMS",)})
    """Maximum open progress streams of all users together."""
    max_streams_per_user: int = field(default=100, metadata={"env": ("PIXEL_GATEWAY_MAX_STREAMS_PER_USER",)})
    creates_per_minute: int = 600
    """Submissions of a caller per minute, also as a burst; 0 means no limit."""
    reads_per_minute: int = 6_000
    status_reads_per_minute: int = 12_000
    critical_per_minute: int = 60_000
    """Requests about billing, cancels and operations per minute; 0 means no limit."""
    max_in_flight: int = 2_048
    """Upper bound of the adaptive limit of concurrent requests."""
    min_in_flight: int = 128
    """Lower bound of the adaptive limit of concurrent requests."""
    calm_latency_s: float = 0.1
    """Mean latency in seconds below which the limit never shrinks."""
    log_level: str = "INFO"
    otlp_endpoint: str = ""
