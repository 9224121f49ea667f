from __future__ import annotations

import socket

import pytest
from pixel_studio.doctor import State, examine


@pytest.fixture
def port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


async def found(tmp_path, **environ: str):
    return {finding.name: finding for finding in await examine(tmp_path / "data", environ)}


async def test_a_bare_machine_has_everything_it_needs(tmp_path):
    findings = await found(tmp_path)
    assert not [finding for finding in findings.values() if finding.is_fatal]
    assert findings["studio"].state is State.OFF
    assert findings["provider openai"].state is State.OFF
    assert not (tmp_path / "data").exists()


async def test_a_provider_key_is_noticed_and_not_shown(tmp_path):
    finding = (await found(tmp_path, OPENAI_API_KEY="sk-secret"))["provider openai"]
    assert finding.state is State.OK
    assert "sk-secret" not in finding.detail


async def test_configured_servers_are_checked(tmp_path, port):
    findings = await found(
        tmp_path,
        KAFKA_BROKERS=f"127.0.0.1:{port}",
        REDIS_URL=f"redis://127.0.0.1:{port}/0",
        PIXEL_BLOBS_URL=f"s3://pictures?endpoint=http://127.0.0.1:{port}",
    )
    assert {findings[name].state for name in ("bus", "cache", "blobs")} == {State.OK}


async def test_servers_that_do_not_answer_are_listed_and_not_fatal(tmp_path, free_port):
    findings = await found(
        tmp_path,
        KAFKA_BROKERS=f"127.0.0.1:{free_port}",
        PIXEL_BLOBS_URL=f"s3://p?endpoint=http://127.0.0.1:{free_port}",
    )
    for name in ("bus", "blobs"):
        assert findings[name].state is State.PROBLEM
        assert str(free_port) in findings[name].detail
        assert not findings[name].is_fatal


async def test_a_data_directory_that_is_a_file_is_a_problem(tmp_path):
    (tmp_path / "data").write_text("")
    finding = (await found(tmp_path))["data directory"]
    assert finding.state is State.PROBLEM
    assert finding.is_fatal


async def test_invalid_settings_are_named_and_secrets_are_not_shown(tmp_path):
    environ = {
        "PIXEL_WORKER_LEASE_S": "soon",
        "OPENAI_TOKEN_PRICES": "gpt-image-2=cheap",
        "QUEUE_PROCESSOR_SECRET": "s3",
    }
    findings = await found(tmp_path, **environ)
    assert findings["settings"].is_fatal
    assert "PIXEL_WORKER_LEASE_S" in findings["settings"].detail
    assert "s3" not in str(findings["queue secret"])
    assert (await found(tmp_path))["settings"].state is State.OK
    assert (await found(tmp_path, OPENAI_TOKEN_PRICES="x"))["settings"].state is State.PROBLEM


async def test_settings_for_operators_are_listed(tmp_path):
    findings = await found(tmp_path, PIXEL_ADMIN_USERNAMES="ada,root", OPENAI_API_KEY="sk-secret")
    assert findings["admins"].detail == "ada,root"
    assert findings["queue secret"].state is State.OFF
    assert "OPENAI_TOKEN_PRICES" in findings["provider openai"].detail
