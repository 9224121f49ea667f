"""Where a studio lives."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class StudioSettings:
    """The address people open, and the directory everything is kept in."""

    host: str = "127.0.0.1"
    port: int = 8080
    """0 takes a free one."""
    data_dir: Path = Path(".studio")
