"""Settings; the defaults work on one machine."""

from __future__ import annotations

from dataclasses import dataclass, field

from pixel_runtime.settings import Secret


@dataclass(frozen=True)
class Settings:
    """Settings of the social service."""

    database_url: str = field(
        default="postgresql://social@127.0.0.1:5432/pixel", metadata={"env": ("PIXEL_SOCIAL_DATABASE_URL",)}
    )
    migrate_url: str = field(default="", metadata={"env": ("PIXEL_SOCIAL_MIGRATE_URL",)})
    """Database URL of the schema owner for migrations; empty means `database_url`."""
    grpc_address: str = field(default="127.0.0.1:50053", metadata={"env": ("PIXEL_SOCIAL_GRPC_ADDRESS",)})
    metrics_address: str = field(default="", metadata={"env": ("PIXEL_SOCIAL_METRICS_ADDRESS",)})
    """Address of /metrics; empty means off."""
    bus_url: str = "postgresql://bus@127.0.0.1:5432/pixel"
    """`postgresql://…` is the bus in Postgres, `kafka://host:port,host:port` is Kafka."""
    kafka_brokers: str = field(default="", metadata={"env": ("KAFKA_BROKERS",)})
    """`host:port,host:port`; overrides `bus_url`."""
    kafka_client_id: str = field(default="pixel-studio", metadata={"env": ("KAFKA_CLIENT_ID",)})
    kafka_ssl: bool = field(default=False, metadata={"env": ("KAFKA_SSL",)})
    kafka_sasl_username: str = field(default="", metadata={"env": ("KAFKA_SASL_USERNAME",)})
    kafka_sasl_password: Secret = field(default=Secret(""), metadata={"env": ("KAFKA_SASL_PASSWORD",)})
    pool_max_size: int = field(default=10, metadata={"env": ("PIXEL_SOCIAL_POOL_MAX_SIZE",)})
    """Maximum connections to the database."""
    log_level: str = "INFO"
    otlp_endpoint: str = ""
