"""gRPC between the services: server and channel with deadline, identity, tracing, errors and metrics."""

from __future__ import annotations

from pixel_rpc.calls import Caller, caller, calling_as, deadline, remaining_s
from pixel_rpc.channel import open_channel
from pixel_rpc.server import RpcServer

__all__ = ["Caller", "RpcServer", "caller", "calling_as", "deadline", "open_channel", "remaining_s"]
