from __future__ import annotations

import pytest
from pixel_errors import PixelError
from pixel_gateway.adapters.inbound.http.server.trusted_hosts import TrustedHosts


def rejection(hosts: TrustedHosts, host: str | None, *, server: str = "10.0.0.5", version: str = "1.1") -> str:
    headers = [] if host is None else [(b"host", host.encode())]
    try:
        hosts.check({"headers": headers, "server": (server, 8080), "http_version": version})
    except PixelError as error:
        return error.code
    return ""


@pytest.mark.parametrize(
    "host", ["localhost", "LocalHost:1", "127.0.0.1:8080", "127.9.9.9", "[::1]:8080", "10.0.0.5", "10.0.0.5:80"]
)
def test_loopback_and_the_local_address_are_accepted(host):
    assert rejection(TrustedHosts(), host) == ""


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "10.0.0.6", "127.0.0.1.evil.example"])
def test_a_foreign_host_is_refused(host):
    assert rejection(TrustedHosts(["good.example"], public_url="https://a.example/x"), host) == "HOST_NOT_ALLOWED"


@pytest.mark.parametrize("host", ["good.example", "GOOD.example:81", "a.example", "inside", "[fd00::1]:80"])
def test_configured_names_are_accepted_in_any_case_with_any_port(host):
    hosts = TrustedHosts(["Good.example", "fd00::1"], public_url="https://A.example/x", listen_address="inside:8080")

    assert rejection(hosts, host) == ""


def test_a_star_allows_any_host():
    assert rejection(TrustedHosts(["*"]), "evil.example") == ""


def test_a_missing_host_is_malformed_except_in_http_1_0():
    assert rejection(TrustedHosts(), None) == "MALFORMED_REQUEST"
    assert rejection(TrustedHosts(), None, version="1.0") == ""


async def test_a_foreign_host_is_a_bad_request(client):
    answer = await client.get("/api/me", headers={"host": "evil.example"})

    assert (answer.status_code, answer.json()["code"]) == (400, "HOST_NOT_ALLOWED")
