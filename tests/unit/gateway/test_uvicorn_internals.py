"""The members of uvicorn that the server overrides and uses exist, in the versions that pyproject.toml allows."""

from __future__ import annotations

import asyncio
import inspect
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
import uvicorn
from pixel_gateway.adapters.inbound.http.server.http_protocol import BoundedHttpProtocol
from pixel_gateway.adapters.inbound.http.server.socket_protocol import SocketProtocol
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState

MANIFEST = Path(__file__).parents[3] / "services/gateway/pyproject.toml"
READ_OF_HTTP = {"app", "connections", "loop", "parser", "scope", "transport"}
READ_OF_SOCKETS = {
    "close_sent", "close_timer", "conn", "curr_msg_data_type", "disconnected", "frames", "handshake_complete", "loop",
    "queue", "request", "response", "transport", "writable",
}  # fmt: skip
SET_LATER = {"close_timer", "curr_msg_data_type", "frames", "parser", "request", "response", "scope", "transport"}
"""Annotated on the class or set once a connection is made."""


def overridden(ours: type, theirs: type) -> set[str]:
    """Our methods that depend on being called by uvicorn."""
    return {name for name in vars(ours) if callable(vars(ours)[name])} & {
        name for each in theirs.__mro__ for name in vars(each)
    }


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        (
            BoundedHttpProtocol,
            HttpToolsProtocol,
            {
                "__init__", "_should_upgrade", "connection_lost", "connection_made", "data_received",
                "handle_websocket_upgrade", "on_headers_complete", "on_message_begin",
            },
        ),
        (
            SocketProtocol,
            WebSocketsSansIOProtocol,
            {
                "__init__", "data_received", "handle_connect", "handle_parser_exception", "keepalive_timeout", "send",
                "send_receive_event_to_app",
            },
        ),
    ],
)  # fmt: skip
def test_overridden_members_of_uvicorn_exist(ours, theirs, expected):
    assert overridden(ours, theirs) == expected


async def test_used_members_of_uvicorn_exist():
    config = uvicorn.Config(lambda *_: None, log_config=None)
    loop = asyncio.get_running_loop()
    for protocol, read in ((HttpToolsProtocol, READ_OF_HTTP), (WebSocketsSansIOProtocol, READ_OF_SOCKETS)):
        made = protocol(config=config, server_state=ServerState(), app_state={}, _loop=loop)
        source = inspect.getsource(protocol)
        for name in read:
            assert hasattr(made, name) or (name in SET_LATER and f"self.{name}" in source), (protocol, name)
    assert hasattr(WebSocketsSansIOProtocol, "stop_keepalive")
    assert {"capture_signals", "startup", "serve"} <= vars(uvicorn.Server).keys()


def test_only_the_tested_minor_version_of_uvicorn_is_allowed():
    wanted = tomllib.loads(MANIFEST.read_text())["project"]["dependencies"]
    bound = next(each for each in wanted if each.startswith("uvicorn"))
    major, minor = map(int, version("uvicorn").split(".")[:2])

    assert bound == f"uvicorn[standard]>={major}.{minor},<{major}.{minor + 1}"
