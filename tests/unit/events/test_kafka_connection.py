from __future__ import annotations

import pytest
from confluent_kafka import KafkaError
from pixel_errors import Forbidden, Invalid, PixelError, Unavailable
from pixel_events.kafka.connection import Connection, kind_of


def test_credentials_turn_on_scram_over_tls() -> None:
    settings = Connection("a:1,b:2", "pixel-studio", ssl=True, sasl_username="ada", sasl_password="s3cret").settings()
    assert settings["bootstrap.servers"] == "a:1,b:2"
    assert settings["client.id"] == "pixel-studio"
    assert settings["security.protocol"] == "SASL_SSL"
    assert settings["sasl.mechanism"] == "SCRAM-SHA-512"
    assert (settings["sasl.username"], settings["sasl.password"]) == ("ada", "s3cret")


@pytest.mark.parametrize(
    ("ssl", "username", "protocol"),
    [(False, "", "PLAINTEXT"), (True, "", "SSL"), (False, "ada", "SASL_PLAINTEXT")],
)
def test_the_protocol_follows_from_tls_and_credentials(ssl: bool, username: str, protocol: str) -> None:
    assert Connection("a:1", "c", ssl, username, "p").settings()["security.protocol"] == protocol


def test_a_connection_does_not_show_its_password() -> None:
    assert "s3cret" not in repr(Connection("a:1", "c", ssl=True, sasl_username="ada", sasl_password="s3cret"))


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (KafkaError.MSG_SIZE_TOO_LARGE, Invalid),
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, Forbidden),
        (KafkaError._AUTHENTICATION, Forbidden),
        (KafkaError._MSG_TIMED_OUT, Unavailable),
        (KafkaError.REQUEST_TIMED_OUT, Unavailable),
        (KafkaError.UNKNOWN_TOPIC_OR_PART, Unavailable),
    ],
)
def test_each_kafka_error_has_a_kind(code: int, kind: type[PixelError]) -> None:
    assert isinstance(kind_of(KafkaError(code)), kind)
