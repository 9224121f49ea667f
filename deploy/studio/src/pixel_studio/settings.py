"""Addresses and directories of a studio."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class StudioSettings:
    """The public HTTP address and the data directory."""

    host: str = "127.0.0.1"
    port: int = 8080
    """0 takes a free one."""
    data_dir: Path = Path(".studio")
