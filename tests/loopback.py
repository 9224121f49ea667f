"""Clients of servers on loopback."""

from __future__ import annotations

from typing import Any

import httpx2


def http_client(address: str = "", **options: Any) -> httpx2.AsyncClient:
    """Return a client that neither loads certificate authorities, 40 ms of CPU each time, nor looks for proxies."""
    return httpx2.AsyncClient(base_url=address, verify=False, trust_env=False, **options)
