"""Settings; the defaults work on one machine."""

from __future__ import annotations

from dataclasses import dataclass, field

from pixel_runtime.secret import Secret

from pixel_generation.application.maintenance.duty import parse_intervals
from pixel_generation.domain.billing.token_prices import parse_token_prices


@dataclass(frozen=True)
class Settings:
    """Settings of the generation service."""

    database_url: str = field(
        default="postgresql://generation@127.0.0.1:5432/pixel", metadata={"env": ("PIXEL_GENERATION_DATABASE_URL",)}
    )
    migrate_url: str = field(default="", metadata={"env": ("PIXEL_GENERATION_MIGRATE_URL",)})
    """Database URL of the schema owner for migrations; empty means `database_url`."""
    grpc_address: str = field(default="127.0.0.1:50051", metadata={"env": ("PIXEL_GENERATION_GRPC_ADDRESS",)})
    metrics_address: str = field(default="", metadata={"env": ("PIXEL_GENERATION_METRICS_ADDRESS",)})
    """Address of /metrics; empty means off."""
    media_address: str = "127.0.0.1:50052"
    bus_url: str = "postgresql://bus@127.0.0.1:5432/pixel"
    """`postgresql://…` is the bus in Postgres, `kafka://host:port,host:port` is Kafka."""
    kafka_brokers: str = field(default="", metadata={"env": ("KAFKA_BROKERS",)})
    """`host:port,host:port`; overrides `bus_url`."""
    kafka_client_id: str = field(default="pixel-studio", metadata={"env": ("KAFKA_CLIENT_ID",)})
    kafka_ssl: bool = field(default=False, metadata={"env": ("KAFKA_SSL",)})
    kafka_sasl_username: str = field(default="", metadata={"env": ("KAFKA_SASL_USERNAME",)})
    kafka_sasl_password: Secret = field(default=Secret(""), metadata={"env": ("KAFKA_SASL_PASSWORD",)})
    pool_max_size: int = field(default=10, metadata={"env": ("PIXEL_GENERATION_POOL_MAX_SIZE",)})
    """Maximum connections to the database."""

    default_model: str = "studio-sketch"
    openai_api_key: Secret = field(default=Secret(""), metadata={"env": ("OPENAI_API_KEY",)})
    """Without it the OpenAI models are listed as not available."""
    openai_base_url: str = field(default="", metadata={"env": ("OPENAI_BASE_URL",)})
    openai_token_prices: str = field(default="", metadata={"env": ("OPENAI_TOKEN_PRICES",)})
    """`model=text,image,output;…`: US dollars for a million tokens of text and image input and of image output.

    The cost of calls to a model without prices is unknown.
    """

    processing_worker_instances: int = field(default=3, metadata={"env": ("PROCESSING_WORKER_INSTANCES",)})
    """Claim loops of one worker process; they share its slots."""
    max_concurrent_generations: int = field(default=10, metadata={"env": ("MAX_CONCURRENT_GENERATIONS",)})
    """Jobs that one worker process runs concurrently."""
    generation_timeout_ms: int = field(default=300_000, metadata={"env": ("GENERATION_TIMEOUT_MS",)})
    """Time for a job from its first start to its end, retries included."""
    worker_lease_s: float = 15.0
    """A worker without a heartbeat for this long loses its jobs."""
    worker_heartbeat_s: float = 5.0
    """Interval of the lease renewals of a worker."""
    stop_grace_s: float = 20.0
    """Time for running jobs to end when the worker is stopped; the others are returned to the queue."""
    queue_timeout_s: int = 86_400
    """Time a job may be queued before its first start."""
    generation_max_retries: int = 2
    """Retries after a provider failure: three attempts in all."""
    submit_max_waiting: int = 8_192
    """Submissions that may queue for the database; more are refused."""
    sweep_interval_s: float = 2.0
    """Pause between two rounds of a duty that has no interval of its own."""
    duty_intervals: str = ""
    """`duty=seconds;…`: pauses of single duties."""
    hold_interval_s: float = 0.25
    """Interval of the check for due scheduled jobs."""
    archive_after_days: float = 30.0
    """Age since its end at which a job moves to the archive, where it can be read but not retried."""
    reconcile_for_s: float = 60.0
    """Time for an unknown provider call to be resolved; then the job ends and its user is not charged."""
    log_level: str = "INFO"
    otlp_endpoint: str = ""

    def __post_init__(self) -> None:
        parse_token_prices(self.openai_token_prices)
        parse_intervals(self.duty_intervals)
        for name in (
            "processing_worker_instances",
            "max_concurrent_generations",
            "generation_timeout_ms",
            "worker_lease_s",
            "worker_heartbeat_s",
            "stop_grace_s",
            "queue_timeout_s",
            "submit_max_waiting",
            "sweep_interval_s",
            "hold_interval_s",
            "archive_after_days",
            "reconcile_for_s",
        ):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be greater than 0")
