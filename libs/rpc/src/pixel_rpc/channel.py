"""The client side: a channel whose calls carry deadline, identity and trace, and raise the peer's errors."""

from __future__ import annotations

import grpc.aio

from pixel_rpc.client_interceptors import RequestStreams, ResponseStreams, UnaryCalls
from pixel_rpc.server import MAX_MESSAGE_BYTES, size_options

_OPTIONS = (
    # A restarted peer is connected again within two seconds; a hanging one is noticed within 35.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.lb_policy_name", "round_robin"),
    # Peers are not behind an HTTP proxy.
    ("grpc.enable_http_proxy", 0),
    ("grpc.use_local_subchannel_pool", 1),
)


def open_channel(
    address: str, *, default_deadline_s: float = 5.0, max_message_bytes: int = MAX_MESSAGE_BYTES
) -> grpc.aio.Channel:
    """Open a channel to a peer (it connects at the first call); the caller closes it.

    Calls with one response get the default deadline unless they or the current call have one; a deadline is passed on
    20 ms shorter, and no call is made with less than 100 ms left.
    """
    return grpc.aio.insecure_channel(
        address,
        options=(*_OPTIONS, *size_options(max_message_bytes)),
        interceptors=[UnaryCalls(default_deadline_s), RequestStreams(default_deadline_s), ResponseStreams()],
    )
