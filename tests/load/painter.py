"""CPU of a 1024² picture, from prompt to PNG bytes, against the PNG encode of the same pixels alone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from pixel_generation.adapters.outbound.providers.sketch.painter import encode_png, paint

from tests.load.report import Meter, Sample, finish, line, median_cpu, shuffled

SIDE = 1024
PICTURES = (
    ("a lighthouse at dawn", "painterly"),
    ("an old city at night", "ink"),
    ("mountains and a lake at sunset", "watercolor"),
    ("a forest in autumn", "oil"),
    ("the sound of a question", "photo"),
)
FACTS = {"Software": "bench"}


def contestant(work: Callable[[], object]) -> Callable[[], Awaitable[Sample]]:
    """Measure the whole process: painting runs off the main thread, as in the service, and libvips has its own."""

    async def run() -> Sample:
        meter = Meter()
        meter.start()
        await asyncio.to_thread(work)
        return meter.stop(len(PICTURES))

    return run


async def main() -> None:
    pixels = [paint(prompt, style, 1, SIDE, SIDE) for prompt, style in PICTURES]

    def picture() -> None:
        for prompt, style in PICTURES:
            encode_png(paint(prompt, style, 1, SIDE, SIDE), FACTS)

    def encode() -> None:
        for array in pixels:
            encode_png(array, FACTS)

    samples = await shuffled({"picture": contestant(picture), "encode": contestant(encode)}, rounds=5)
    cpu_us = {name: median_cpu(each) for name, each in samples.items()}
    ratio = cpu_us["picture"] / cpu_us["encode"]
    line(
        "picture", cpu_us["picture"] / 1000, "PNG encode alone", cpu_us["encode"] / 1000, ratio=ratio,
        target="about 100 ms", unit=" ms CPU",
    )  # fmt: skip
    finish("painter", {"encode": ratio}, cpu_us)
