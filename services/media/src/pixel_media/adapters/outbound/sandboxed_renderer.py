"""A pool of running sandboxes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from typing import TYPE_CHECKING, Any, NoReturn

from pixel_errors import Unavailable
from pixel_telemetry import get_logger, span

from pixel_media.adapters.metrics import RENDITION_SECONDS, SANDBOX_KILLS, SANDBOX_RESTARTS
from pixel_media.adapters.outbound import sandbox
from pixel_media.domain.errors import BrokenImage, ImageTooCostly, ImageTooLarge
from pixel_media.domain.renditions.rendering import Derived, Rendering
from pixel_media.domain.renditions.rendition import RenditionKind

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pixel_media.domain.renditions.rendition import ImageFormat

log = get_logger(__name__)
_ANSWER_WITHIN_S = sandbox.MAX_WALL_S + 3.0
_ATTEMPTS = 2


class SandboxLostError(Exception):
    """The sandbox ended or stopped responding while decoding an image."""


class SandboxedRenderer:
    """At most `size` sandboxes, each decoding one image at a time. A sandbox starts when first needed and stays."""

    name = "renderer"

    def __init__(self, size: int = 2, command: tuple[str, ...] = ()) -> None:
        self._command = command or (sys.executable, "-I", "-m", sandbox.__name__)
        self._turns = asyncio.Semaphore(size)
        self._idle: list[Sandbox] = []
        self._is_stopped = False

    async def start(self) -> None:
        """Accept work; sandboxes start when needed."""
        self._is_stopped = False

    async def stop(self) -> None:
        """Stop idle sandboxes; busy ones stop with their call."""
        self._is_stopped = True
        while self._idle:
            await self._idle.pop().close()

    async def render(self, data: bytes, image_format: ImageFormat) -> Rendering:
        began = time.perf_counter()
        with span("decode image", size_bytes=len(data), format=image_format.value):
            answer, images = await self._ask(image_format.value, data)
        RENDITION_SECONDS.observe(time.perf_counter() - began)
        return _rendering(answer, images)

    async def _ask(self, content_type: str, data: bytes) -> tuple[dict[str, Any], bytes]:
        """Return a sandbox's response; a lost sandbox is replaced once."""
        for _ in range(_ATTEMPTS):
            async with self._turns, self._sandbox() as one:
                try:
                    return await one.ask(content_type, data)
                except SandboxLostError:
                    SANDBOX_RESTARTS.inc()
                    log.warning("sandbox_lost")
        raise Unavailable("Images cannot be decoded now.", reason="RENDERER_UNAVAILABLE", retry_after_s=1.0)

    @contextlib.asynccontextmanager
    async def _sandbox(self) -> AsyncIterator[Sandbox]:
        """Yield a free sandbox; close it when its response was not read to the end, which the next image would get."""
        while self._idle and not self._idle[-1].is_alive:
            await self._idle.pop().close()
        one = self._idle.pop() if self._idle else await Sandbox.open(self._command)
        try:
            yield one
        finally:
            if one.is_clean and not self._is_stopped:
                self._idle.append(one)
            else:
                await one.close()


class Sandbox:
    """One running sandbox program."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        if process.stdin is None or process.stdout is None:
            raise ValueError("a sandbox needs pipes")
        self._process = process
        self._requests = process.stdin
        self._answers = process.stdout
        self.is_clean = True

    @classmethod
    async def open(cls, command: tuple[str, ...]) -> Sandbox:
        """Start the program with its own environment and process group."""
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=sandbox.ENVIRONMENT,
            cwd="/",
            start_new_session=True,
        )
        return cls(process)

    @property
    def is_alive(self) -> bool:
        """Return whether the program is known to run."""
        return self._process.returncode is None

    async def ask(self, content_type: str, data: bytes) -> tuple[dict[str, Any], bytes]:
        """Return the response and its images; raise SandboxLostError."""
        self.is_clean = False
        try:
            async with asyncio.timeout(_ANSWER_WITHIN_S):
                for frame in (content_type.encode(), data):
                    self._requests.write(sandbox.LENGTH.pack(len(frame)))
                    self._requests.write(frame)
                await self._requests.drain()
                answer, images = await self._read_frame(), await self._read_frame()
        except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
            raise SandboxLostError from error
        self.is_clean = True
        return json.loads(answer), images

    async def close(self) -> None:
        """Kill the program and its decoder."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._requests.close()
        await self._process.wait()

    async def _read_frame(self) -> bytes:
        length = sandbox.LENGTH.unpack(await self._answers.readexactly(sandbox.LENGTH.size))[0]
        return await self._answers.readexactly(length)


def _rendering(answer: dict[str, Any], images: bytes) -> Rendering:
    if answer["outcome"] != "ok":
        _refuse(answer)
    derived, at = [], 0
    for form in answer["derived"]:
        data = images[at : at + form["size"]]
        at += form["size"]
        derived.append(Derived(RenditionKind(form["kind"]), data, form["width"], form["height"]))
    return Rendering(answer["width"], answer["height"], tuple(derived))


def _refuse(answer: dict[str, Any]) -> NoReturn:
    match answer["outcome"]:
        case "broken":
            raise BrokenImage
        case "too_large":
            raise ImageTooLarge(f"An image has at most {sandbox.MAX_PIXELS} pixels.")
        case _:
            SANDBOX_KILLS.labels(answer.get("how", "memory")).inc()
            raise ImageTooCostly
