"""The studio-sketch provider: paints images in threads, without a model, a key or a network."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyvips

from pixel_generation.adapters.outbound.providers.sketch import prints, styles
from pixel_generation.adapters.outbound.providers.sketch.composition import compose
from pixel_generation.adapters.outbound.providers.sketch.noise import grain, strips
from pixel_generation.adapters.outbound.providers.sketch.scene import Scene, read_scene, style_of
from pixel_generation.domain.providers.provider import Outcome, ProviderError
from pixel_generation.domain.providers.text_to_image import TEXT_TO_IMAGE, ImageRequest, ProducedImage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from pixel_generation.adapters.outbound.providers.sketch.canvas import Canvas
    from pixel_generation.adapters.outbound.providers.sketch.medium import Planes

# libvips caches operations with their pixels; no image is encoded twice.
pyvips.cache_set_max(0)

SOFTWARE = "studio-sketch (procedural, not a model)"

_MEDIA: dict[str, Callable[[Canvas, Scene], Planes]] = {
    "painterly": styles.painterly,
    "ink": styles.ink,
    "watercolor": styles.watercolor,
    "oil": styles.oil,
    "pastel": styles.pastel,
    "neon": prints.neon,
    "blueprint": prints.blueprint,
    "woodcut": prints.woodcut,
    "anime": prints.anime,
    "photo": styles.photo,
}

STYLES = tuple(_MEDIA)
"""Names of the styles; the first is used when neither the request nor the prompt names one."""

_SMALLEST, _LARGEST = 64, 4096
_THREADS = 2
_NICENESS = 5


class SketchPainter:
    """Paints any prompt; equal requests give equal bytes."""

    capabilities = frozenset({TEXT_TO_IMAGE})
    repeatable = True

    def __init__(self, threads: int | None = None) -> None:
        count = threads or min(_THREADS, os.cpu_count() or 1)
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="sketch", initializer=_yield_to_others)

    async def generate(self, request: ImageRequest) -> AsyncIterator[ProducedImage]:
        """Yield each picture as it is ready, in order of completion."""
        if not (_SMALLEST <= request.width <= _LARGEST and _SMALLEST <= request.height <= _LARGEST):
            raise ProviderError(
                f"The painter paints {_SMALLEST} to {_LARGEST} pixels a side, not {request.width}x{request.height}.",
                code="provider_rejected",
                outcome=Outcome.NOT_SENT,
                retryable=False,
            )
        loop = asyncio.get_running_loop()
        pending = [
            loop.run_in_executor(self._pool, partial(_produce, request, index)) for index in range(request.count)
        ]
        try:
            for ready in asyncio.as_completed(pending):
                yield await ready
        finally:
            for picture in pending:
                picture.cancel()

    async def close(self) -> None:
        """Wait for the images in progress, drop those not started."""
        await asyncio.to_thread(self._pool.shutdown, wait=True, cancel_futures=True)


def _yield_to_others() -> None:
    """Lower the thread's priority below the event loop's; only Linux has priorities by thread."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)


def _produce(request: ImageRequest, index: int) -> ProducedImage:
    seed = request.seed + index
    style = style_of(request.prompt, request.style, STYLES)
    pixels = paint(request.prompt, style, seed, request.width, request.height)
    facts = {"Software": SOFTWARE, "Parameters": f"style={style} seed={seed} size={request.width}x{request.height}"}
    return ProducedImage(
        index=index, data=encode_png(pixels, facts), content_type="image/png", seed=seed, cost_usd_micros=0
    )


def paint(prompt: str, style: str, seed: int, width: int, height: int) -> npt.NDArray[np.uint8]:
    """Paint a picture as height by width by 3 bytes; `style` is one of STYLES."""
    scene = read_scene(prompt, seed)
    planes = _MEDIA[style](compose(scene, width, height), scene)
    # Half a step of noise hides the steps of 8 bits in smooth skies.
    rounding = grain(scene.rng("rounding"), height, width)
    rounding += np.float32(0.5)
    pixels = np.empty((height, width, 3), np.uint8)
    for rows in strips(0, height):
        part = planes[:, rows] * np.float32(255.0)
        part += rounding[rows]
        np.clip(part, 0.0, 255.0, out=part)
        for channel, plane in enumerate(part):
            pixels[rows, :, channel] = plane
    return pixels


def encode_png(pixels: npt.NDArray[np.uint8], facts: dict[str, str]) -> bytes:
    """Encode as the fastest PNG that is still a fifth smaller than the bytes, with text chunks."""
    height, width, bands = pixels.shape
    image = pyvips.Image.new_from_memory(pixels.data, width, height, bands, "uchar").copy(interpretation="srgb")
    for index, (name, text) in enumerate(facts.items()):
        image.set_type(pyvips.GValue.gstr_type, f"png-comment-{index}-{name}", text)
    return bytes(image.pngsave_buffer(compression=1, filter="none"))
