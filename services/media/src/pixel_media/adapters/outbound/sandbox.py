"""The sandbox: a separate program that decodes untrusted images.

It reads requests from standard input and writes responses to standard output, both framed by a length of four bytes.
Each image is decoded in a forked child that may use one gibibyte of address space and five seconds of CPU, can open no
file or socket and write no file, and knows no secret: the environment holds only settings of the decoder. The output is
encoded again from pixels, so nothing hidden in the file is passed on.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import struct
import sys
import time
from typing import IO, Any, TypeAlias

MAX_MEMORY_BYTES = 1 << 30
MAX_CPU_S = 5
MAX_WALL_S = 12.0
MAX_PIXELS = 40_000_000
MAX_ANSWER_BYTES = 64 << 20
SIZES = {"preview": 1280, "thumbnail": 512}
"""Longest side in pixels, largest first: each rendition is made from the one before."""

LOADERS = {"image/png": "pngload_buffer", "image/jpeg": "jpegload_buffer", "image/webp": "webpload_buffer"}
ENVIRONMENT = {
    "VIPS_BLOCK_UNTRUSTED": "1",
    "VIPS_CONCURRENCY": "1",
    # Large images stay in memory: the child cannot write files.
    "VIPS_DISC_THRESHOLD": "4g",
    "MALLOC_ARENA_MAX": "1",
    "LC_ALL": "C.UTF-8",
}

LENGTH = struct.Struct(">I")
Answer: TypeAlias = dict[str, Any]


def main() -> None:
    """Serve requests until standard input ends."""
    import pyvips

    pyvips.cache_set_max(0)
    pyvips.operation_block_set("VipsForeignLoad", True)
    for loader in ("Png", "Jpeg", "Webp"):
        pyvips.operation_block_set(f"VipsForeignLoad{loader}", False)
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    while (content_type := read_frame(requests)) is not None:
        data = read_frame(requests)
        if data is None:
            return
        try:
            for frame in decode_in_child(content_type.decode(), data):
                answers.write(LENGTH.pack(len(frame)) + frame)
            answers.flush()
        except BrokenPipeError:  # the calling service has ended
            os._exit(0)


def read_frame(stream: IO[bytes]) -> bytes | None:
    """Return the next frame, or None at the end."""
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    length: int = LENGTH.unpack(head)[0]
    body = stream.read(length)
    return body if len(body) == length else None


def decode_in_child(content_type: str, data: bytes) -> list[bytes]:
    """Decode in a forked child; return the response and its images as frames."""
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(readable)
        _be_the_child(content_type, data, writable)
    os.close(writable)
    answer, in_time = _read_all(readable, time.monotonic() + MAX_WALL_S)
    os.close(readable)
    if not in_time:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if status != 0 or not in_time:
        how = f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else f"exit {os.WEXITSTATUS(status)}"
        return [json.dumps({"outcome": "killed", "how": how}).encode(), b""]
    length = LENGTH.unpack_from(answer)[0]
    return [answer[LENGTH.size : LENGTH.size + length], answer[LENGTH.size + length :]]


def _read_all(readable: int, end: float) -> tuple[bytes, bool]:
    """Return the child's output, and whether it finished within its limits."""
    parts: list[bytes] = []
    size = 0
    while (left := end - time.monotonic()) > 0 and size <= MAX_ANSWER_BYTES:
        if not select.select([readable], [], [], left)[0]:
            break
        part = os.read(readable, 1 << 20)
        if not part:
            return b"".join(parts), True
        parts.append(part)
        size += len(part)
    return b"", False


def _be_the_child(content_type: str, data: bytes, writable: int) -> None:
    """Decode, write the response and exit; never returns."""
    status = 1
    try:
        # Output of a decoder is discarded; standard output carries responses only.
        os.closerange(0, 3)
        _give_up_rights()
        answer, images = decode(content_type, data)
        head = json.dumps(answer).encode()
        with os.fdopen(writable, "wb") as out:
            out.write(LENGTH.pack(len(head)) + head + images)
        status = 0
    finally:
        os._exit(status)


def _give_up_rights() -> None:
    """Limit memory and CPU; forbid core dumps, files and sockets."""
    for limit, most in (
        (resource.RLIMIT_AS, MAX_MEMORY_BYTES),
        (resource.RLIMIT_CPU, MAX_CPU_S),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        # No new file descriptor, so nothing can be opened or connected.
        (resource.RLIMIT_NOFILE, 0),
    ):
        resource.setrlimit(limit, (most, most))


def decode(content_type: str, data: bytes) -> tuple[Answer, bytes]:
    """Return the response and the images it lists, in order."""
    import pyvips

    try:
        return _render(content_type, data)
    except MemoryError:
        return {"outcome": "costly"}, b""
    except pyvips.Error as error:
        # libvips reports the cause as text only.
        is_memory = "out of memory" in str(error).lower()
        return {"outcome": "costly" if is_memory else "broken"}, b""


def _render(content_type: str, data: bytes) -> tuple[Answer, bytes]:
    header = _load(content_type, data)
    width, height = header.width, header.height
    if width * height > MAX_PIXELS:
        return {"outcome": "too_large"}, b""
    if content_type == "image/png" and not _png_is_whole(data):
        return {"outcome": "broken"}, b""
    if header.get_typeof("orientation") and header.get("orientation") >= 5:  # noqa: PLR2004 - EXIF: turned sideways
        width, height = height, width
    options = {"shrink": _jpeg_shrink(max(width, height))} if content_type == "image/jpeg" else {}
    described, images = _make_smaller_forms(_load(content_type, data, **options))
    return {"outcome": "ok", "width": width, "height": height, "derived": described}, b"".join(images)


def _load(content_type: str, data: bytes, **options: Any) -> Any:
    """Open the image without decoding it; errors in its data appear when it is decoded."""
    import pyvips

    # thumbnail_buffer would shrink on load, but accepts a truncated JPEG as complete.
    return getattr(pyvips.Image, LOADERS[content_type])(data, access="sequential", fail_on="warning", **options)


def _jpeg_shrink(longest: int) -> int:
    """Return the shrink factor of the JPEG decoder that leaves at least twice the size of the largest rendition."""
    return next(factor for factor in (8, 4, 2, 1) if factor == 1 or longest // factor >= 2 * max(SIZES.values()))


def _make_smaller_forms(picture: Any) -> tuple[list[Answer], list[bytes]]:
    """Return the renditions and their bytes, smallest first; renditions of one size have the same bytes."""
    described: list[Answer] = []
    images: list[bytes] = []
    encoded = b""
    for kind, longest in SIZES.items():
        larger, picture = picture, _shrink(picture, longest)
        if not encoded or (picture.width, picture.height) != (larger.width, larger.height):
            encoded = picture.webpsave_buffer(Q=80, effort=0, keep="none")
        described.append({"kind": kind, "width": picture.width, "height": picture.height, "size": len(encoded)})
        images.append(encoded)
    return described[::-1], images[::-1]


def _shrink(picture: Any, longest: int) -> Any:
    """Return the decoded image, upright, in sRGB, with no side above `longest` pixels."""
    return picture.thumbnail_image(longest, height=longest, size="down", export_profile="srgb").copy_memory()


def _png_is_whole(data: bytes) -> bool:
    """Return whether the chunks reach the end mark; decoders stop after the last row and do not check."""
    at = 8
    while at + 12 <= len(data):
        length = LENGTH.unpack_from(data, at)[0]
        if data[at + 4 : at + 8] == b"IEND":
            return True
        at += 12 + length
    return False


if __name__ == "__main__":
    main()
