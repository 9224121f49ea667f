"""Allowed hosts of requests: the host is copied into links, so a caller must not choose it."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pixel_gateway.adapters.inbound.http.routing.errors import HostNotAllowed, MalformedRequest

if TYPE_CHECKING:
    from collections.abc import Iterable

ANY = "*"


class TrustedHosts:
    """Loopback, the local address of the connection, and the configured names; ports and case are ignored."""

    def __init__(self, names: Iterable[str] = (), *, public_url: str = "", listen_address: str = "") -> None:
        self._names = {_host_of(name) for name in names if name}
        self._allows_any = ANY in self._names
        if listen_address:
            self._names.add(_host_of(listen_address))
        if public_url:
            self._names.add(_normal(urlsplit(public_url).hostname or ""))

    def check(self, scope: Any) -> None:
        """Raise MalformedRequest for a missing host, HostNotAllowed for a foreign one."""
        host = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), None)
        if host is None:
            if scope.get("http_version") == "1.1":
                raise MalformedRequest("The Host field is missing.")
        elif not self._allows_any and not self._allows(_host_of(host), scope.get("server")):
            raise HostNotAllowed

    def _allows(self, host: str, server: Any) -> bool:
        return host in self._names or _is_loopback(host) or bool(server and host == _normal(str(server[0])))


@lru_cache(1024)
def _host_of(address: str) -> str:
    """Return the host of `host`, `host:port`, `[v6]:port` or a bare IPv6 address."""
    if address.startswith("["):
        return _normal(address[1:].partition("]")[0])
    host, _, port = address.rpartition(":")
    return _normal(host if host and ":" not in host and port.isdigit() else address)


@lru_cache(1024)
def _normal(host: str) -> str:
    try:
        address = ip_address(host)
    except ValueError:
        return host.lower().removesuffix(".")
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)


@lru_cache(1024)
def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
