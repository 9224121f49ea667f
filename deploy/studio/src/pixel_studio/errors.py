"""Errors that the command prints as one line instead of a traceback."""

from __future__ import annotations


class StudioError(RuntimeError):
    """The studio cannot do what was asked; the text gives the reason and a remedy."""
