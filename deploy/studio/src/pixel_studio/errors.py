"""What the studio tells a person instead of a trace."""

from __future__ import annotations


class StudioError(RuntimeError):
    """The studio cannot do what was asked; the text says why and what helps."""
