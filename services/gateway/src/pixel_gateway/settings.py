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
    redis_url: str = field(default="", metadata={"env": ("REDIS_URL", "REDIS_WS_ADAPTER_URL")})
    """Where last statuses are kept; empty means in this process."""
    generation_address: str = "127.0.0.1:50051"
    media_address: str = "127.0.0.1:50052"
    social_address: str = "127.0.0.1:50053"
    image_wait_s: float = field(default=120.0, metadata={"env": ("PIXEL_GATEWAY_IMAGE_WAIT_S",)})
    """Seconds POST /v1/images/generations waits for its pictures."""
    max_connections: int = field(default=12_000, metadata={"env": ("PIXEL_GATEWAY_MAX_CONNECTIONS",)})
    max_streams: int = field(default=10_000, metadata={"env": ("PIXEL_GATEWAY_MAX_STREAMS",)})
    """Most open progress streams of all users together."""
    max_streams_per_user: int = field(default=100, metadata={"env": ("PIXEL_GATEWAY_MAX_STREAMS_PER_USER",)})
    log_level: str = "INFO"
    otlp_endpoint: str = ""
