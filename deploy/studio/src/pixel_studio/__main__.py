"""`python -m pixel_studio` is the `studio` command."""

from __future__ import annotations

from pixel_studio.command import main

main()
