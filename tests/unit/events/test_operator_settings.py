from __future__ import annotations

from pathlib import Path

import pytest
from pixel_events.__main__ import OperatorSettings, main, parser, read_settings


def read(*arguments: str, **environ: str) -> OperatorSettings:
    return read_settings(parser().parse_args(arguments), environ)


def test_the_command_connects_to_a_secured_cluster_with_the_variables_of_the_services(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("s3cret\n")
    settings = read(
        "topics",
        "health",
        KAFKA_BROKERS="a:1,b:2",
        KAFKA_CLIENT_ID="operator",
        KAFKA_SSL="on",
        KAFKA_SASL_USERNAME="ada",
        KAFKA_SASL_PASSWORD_FILE=str(tmp_path / "password"),
    )
    assert (settings.kafka_brokers, settings.kafka_client_id, settings.kafka_ssl) == ("a:1,b:2", "operator", True)
    assert (settings.kafka_sasl_username, settings.kafka_sasl_password.reveal()) == ("ada", "s3cret")


def test_the_address_given_as_an_option_wins_over_the_variables() -> None:
    settings = read("--bus-url", "postgresql://bus@h/db", "topics", "health", KAFKA_BROKERS="a:1", PIXEL_BUS_URL="x")
    assert (settings.bus_url, settings.kafka_brokers) == ("postgresql://bus@h/db", "")


def test_topics_have_three_replicas_by_default() -> None:
    assert read("topics", "create", KAFKA_BROKERS="a").kafka_replication_factor == 3
    assert read("topics", "create", KAFKA_BROKERS="a", KAFKA_REPLICATION_FACTOR="2").kafka_replication_factor == 2
    given = read("topics", "create", "--replication", "1", KAFKA_BROKERS="a", KAFKA_REPLICATION_FACTOR="2")
    assert given.kafka_replication_factor == 1


@pytest.mark.parametrize("copies", ["0", "-1"])
def test_a_topic_has_at_least_one_replica(copies: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--bus-url", "kafka://127.0.0.1:1", "topics", "create", "--replication", copies]) == 2
    assert "at least 1" in capsys.readouterr().err
