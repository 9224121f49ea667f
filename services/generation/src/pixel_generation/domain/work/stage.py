"""Where work is inside the status of its job."""

from __future__ import annotations

from enum import StrEnum


class Stage(StrEnum):
    """Finer position inside a status."""

    WAITING = "waiting"
    ROUTING = "routing"
    STARTING = "starting"
    GENERATING = "generating"
    UPLOADING = "uploading"
    RECONCILING = "reconciling"
    CANCELLING = "cancelling"
    DONE = "done"
