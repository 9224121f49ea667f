"""What can be set from outside; every field has a value that works on one machine."""

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
    """Address clients use, for absolute links; empty means the one each request came to."""
    allowed_hosts: tuple[str, ...] = ()
    """Hosts a request may name besides loopback, the address it came to and the one of `public_url`; `*` is any."""
    database_url: str = field(
        default="postgresql://gateway@127.0.0.1:5432/pixel", metadata={"env": ("PIXEL_GATEWAY_DATABASE_URL",)}
    )
    migrate_url: str = field(default="", metadata={"env": ("PIXEL_GATEWAY_MIGRATE_URL",)})
    """Database address of the owner for migrations; empty means `database_url`."""
    pool_max_size: int = field(default=10, metadata={"env": ("PIXEL_GATEWAY_POOL_MAX_SIZE",)})
    """Most connections to the database."""
    bus_url: str = "postgresql://bus@127.0.0.1:5432/pixel"
    """`postgresql://…` is the bus in Postgres, `kafka://host:port,host:port` is Kafka."""
    kafka_brokers: str = field(default="", metadata={"env": ("KAFKA_BROKERS",)})
    """`host:port,host:port`; wins over `bus_url`."""
    kafka_client_id: str = field(default="pixel-studio", metadata={"env": ("KAFKA_CLIENT_ID",)})
    kafka_ssl: bool = field(default=False, metadata={"env": ("KAFKA_SSL",)})
    kafka_sasl_username: str = field(default="", metadata={"env": ("KAFKA_SASL_USERNAME",)})
    kafka_sasl_password: Secret = field(default=Secret(), metadata={"env": ("KAFKA_SASL_PASSWORD",)})
    redis_url: str = field(default="", metadata={"env": ("REDIS_URL",)})
    """Where last statuses are kept; empty means where `broadcast_url` says, or in this process."""
    broadcast_url: str = field(default="", metadata={"env": ("REDIS_WS_ADAPTER_URL",)})
    """Redis whose pub/sub carries status events between gateways, which then share one reading of the bus.

    Empty means that each gateway reads every event from the bus itself.
    """
    generation_address: str = "127.0.0.1:50051"
    media_address: str = "127.0.0.1:50052"
    social_address: str = "127.0.0.1:50053"
    admin_usernames: tuple[str, ...] = ("studio",)
    """Accounts of these names are admins; PATCH /api/admin/users/{id} makes further ones."""
    queue_processor_secret: Secret = field(default=Secret(), metadata={"env": ("QUEUE_PROCESSOR_SECRET",)})
    """What POST /api/queue/process wants to be told; empty means that nobody may use it."""
    image_wait_s: float = field(default=120.0, metadata={"env": ("PIXEL_GATEWAY_IMAGE_WAIT_S",)})
    """Seconds POST /v1/images/generations waits for its pictures."""
    max_connections: int = field(default=12_000, metadata={"env": ("PIXEL_GATEWAY_MAX_CONNECTIONS",)})
    max_streams: int = field(default=10_000, metadata={"env": ("PIXEL_GATEWAY_MAX_STREAMS",)})
    """Most open progress streams of all users together."""
    max_streams_per_user: int = field(default=100, metadata={"env": ("PIXEL_GATEWAY_MAX_STREAMS_PER_USER",)})
    creates_per_minute: int = 600
    """Requests for new work a caller may send in a minute, at any moment and as a burst; 0 means no limit."""
    reads_per_minute: int = 6_000
    status_reads_per_minute: int = 12_000
    critical_per_minute: int = 60_000
    """Far bound of requests about money, cancels and operation; 0 means no limit."""
    max_in_flight: int = 2_048
    """Largest number of requests under way at once; new work is turned away before that, when they take too long."""
    min_in_flight: int = 128
    """Number of requests under way at once that is never too many."""
    calm_latency_s: float = 0.1
    """Seconds requests may take on average, whatever they take alone, before new work is turned away."""
    log_level: str = "INFO"
    otlp_endpoint: str = ""
