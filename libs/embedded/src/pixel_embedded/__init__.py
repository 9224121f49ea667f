"""Real servers as child processes on loopback: PostgreSQL, Kafka, Valkey, S3."""

from pixel_embedded.child import StartFailedError
from pixel_embedded.data_dir import InUseError
from pixel_embedded.kafka import KafkaServer, run_kafka
from pixel_embedded.postgres import PostgresServer, run_postgres
from pixel_embedded.redis import RedisServer, run_redis
from pixel_embedded.s3 import S3Server, run_s3

__all__ = [
    "InUseError",
    "KafkaServer",
    "PostgresServer",
    "RedisServer",
    "S3Server",
    "StartFailedError",
    "run_kafka",
    "run_postgres",
    "run_redis",
    "run_s3",
]
