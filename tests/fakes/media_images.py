"""Images: photographs of scikit-image, and malicious files."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from pathlib import Path

import pyvips
import skimage

_DATA = Path(skimage.__file__).parent / "data"
PHOTOGRAPHS = ("astronaut.png", "coffee.png", "chelsea.png", "rocket.jpg", "hubble_deep_field.jpg", "retina.jpg")
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def photograph(name: str) -> bytes:
    return (_DATA / name).read_bytes()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *extra: bytes) -> bytes:
    """A black greyscale PNG that compresses to almost nothing; `extra` chunks follow the header."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(width + 1)) for _ in range(height)) + packer.flush()
    return PNG_SIGNATURE + header + b"".join(extra) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def text_bomb(size_bytes: int) -> bytes:
    """A PNG whose compressed comment decompresses to this many bytes."""
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(bytes(1 << 20)) for _ in range(size_bytes >> 20)) + packer.flush()
    return png(16, 16, chunk(b"zTXt", b"Comment\0\0" + packed))


def profile_bomb(size_bytes: int) -> bytes:
    """A PNG whose colour profile decompresses to this many bytes."""
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(bytes(1 << 20)) for _ in range(size_bytes >> 20)) + packer.flush()
    return png(16, 16, chunk(b"iCCP", b"profile\0\0" + packed))


def converted(name: str, saver: str, **options: object) -> bytes:
    """A photograph in another format, by libvips' saver of that name."""
    image = pyvips.Image.new_from_buffer(photograph(name), "")
    return bytes(getattr(image, f"{saver}save_buffer")(**options))


def with_exif(jpeg: bytes, *, orientation: int, thumbnail: bytes) -> bytes:
    """A JPEG with an EXIF block: an orientation, a camera's name and a thumbnail."""
    maker = b"SecretCamera 9000\0"
    first_ifd = 8
    second_ifd = first_ifd + 2 + 2 * 12 + 4
    after = second_ifd + 2 + 3 * 12 + 4
    entries = [
        struct.pack("<HHII", 0x010F, 2, len(maker), after),
        struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0),
    ]
    first = struct.pack("<H", len(entries)) + b"".join(entries) + struct.pack("<I", second_ifd)
    thumbnail_entries = [
        struct.pack("<HHIHH", 0x0103, 3, 1, 6, 0),
        struct.pack("<HHII", 0x0201, 4, 1, after + len(maker)),
        struct.pack("<HHII", 0x0202, 4, 1, len(thumbnail)),
    ]
    second = struct.pack("<H", len(thumbnail_entries)) + b"".join(thumbnail_entries) + struct.pack("<I", 0)
    exif = b"Exif\0\0" + b"II*\0" + struct.pack("<I", first_ifd) + first + second + maker + thumbnail
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:]


def quadrants(width: int = 80, height: int = 40) -> pyvips.Image:
    """Red, green above blue, white: shows how an image was rotated."""
    half, middle = width // 2, height // 2
    blocks = [
        pyvips.Image.black(half, middle).copy(interpretation="srgb") + colour
        for colour in ([255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255])
    ]
    return pyvips.Image.arrayjoin(blocks, across=2).cast("uchar")


def not_images() -> dict[str, bytes]:
    """Other kinds of file with an image's name."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.png", b"no")
    small = pyvips.Image.black(4, 4)
    return {
        "html": b"<!doctype html><script>alert(1)</script>",
        "elf": b"\x7fELF\x02\x01\x01" + bytes(64),
        "zip": packed.getvalue(),
        "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        "tiff": bytes(small.tiffsave_buffer()),
        "gif": b"GIF89a" + bytes(32),
        "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n",
        "pickle": b"\x80\x04\x95\x0a\x00\x00\x00",
        "empty": b"",
    }
