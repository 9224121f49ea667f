"""Progress output: a bar on a terminal, plain lines elsewhere. Always on stderr; stdout carries results only."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pixel_studio.api_client import Update


def say(text: str) -> None:
    """Print one line of progress."""
    print(text, file=sys.stderr, flush=True)


def set_up_logs() -> None:
    """Log errors to stderr, and more when PIXEL_LOG_LEVEL is set."""
    import pixel_telemetry

    pixel_telemetry.setup(
        "studio",
        log_level=os.environ.get("PIXEL_LOG_LEVEL", "WARNING"),
        json_logs=not sys.stderr.isatty(),
        otlp_endpoint=os.environ.get("PIXEL_OTLP_ENDPOINT", ""),
    )


@contextmanager
def progress_bar(*, quiet: bool = False) -> Iterator[Callable[[Update], None]]:
    """Yield a function that shows each update while the block runs."""
    if quiet:
        yield lambda _: None
    elif sys.stderr.isatty():
        with _bar() as show:
            yield show
    else:
        yield _lines()


@contextmanager
def _bar() -> Iterator[Callable[[Update], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), BarColumn(), TextColumn("{task.percentage:>3.0f}%"), TimeElapsedColumn())
    with Progress(*columns, TextColumn("{task.description}", markup=False), console=Console(stderr=True)) as bar:
        task = bar.add_task("submitted", total=100)
        yield lambda update: bar.update(task, completed=update.percent, description=update.message or update.status)


def _lines() -> Callable[[Update], None]:
    last = ""

    def show(update: Update) -> None:
        nonlocal last
        line = f"{update.percent:3d}% {update.message or update.status}"
        if line != last:
            say(line)
        last = line

    return show
