"""Valid images get renditions, invalid ones are refused, malicious ones are contained."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

import pytest
import pyvips
from pixel_errors import Unavailable
from pixel_media.adapters.metrics import SANDBOX_KILLS, SANDBOX_RESTARTS
from pixel_media.adapters.outbound.sandboxed_renderer import SandboxedRenderer
from pixel_media.domain.assets.content import format_of
from pixel_media.domain.errors import BrokenImage, ImageTooCostly, ImageTooLarge, UnsupportedImage
from pixel_media.domain.renditions.rendition import ImageFormat, RenditionKind

from tests.fakes import media_images

FORMATS = {
    "png": lambda: media_images.photograph("coffee.png"),
    "interlaced-png": lambda: media_images.converted("coffee.png", "png", interlace=True),
    "jpeg": lambda: media_images.photograph("rocket.jpg"),
    "progressive-jpeg": lambda: media_images.converted("coffee.png", "jpeg", interlace=True),
    "webp": lambda: media_images.converted("coffee.png", "webp"),
    "lossless-webp": lambda: media_images.converted("coffee.png", "webp", lossless=True),
}


@pytest.fixture(scope="module")
async def renderer():
    sandboxed = SandboxedRenderer(2)
    await sandboxed.start()
    yield sandboxed
    await sandboxed.stop()


async def render(renderer, data):
    return await renderer.render(data, format_of(data))


def decoded(form):
    return pyvips.Image.new_from_buffer(form.data, "")


@pytest.mark.parametrize("name", media_images.PHOTOGRAPHS)
async def test_a_photograph_gets_a_thumbnail_and_a_preview(renderer, name):
    data = media_images.photograph(name)
    original = pyvips.Image.new_from_buffer(data, "")
    rendering = await render(renderer, data)
    assert (rendering.width, rendering.height) == (original.width, original.height)
    assert [form.kind for form in rendering.derived] == [RenditionKind.THUMBNAIL, RenditionKind.PREVIEW]
    for form, longest in zip(rendering.derived, (512, 1280), strict=True):
        picture = decoded(form)
        assert format_of(form.data) is ImageFormat.WEBP
        assert (picture.width, picture.height) == (form.width, form.height)
        assert max(picture.width, picture.height) == min(longest, max(original.width, original.height))
        managed = original.icc_transform("srgb") if original.get_typeof("icc-profile-data") else original
        wanted = managed.colourspace("srgb").thumbnail_image(form.width, height=form.height, size="force")
        assert (picture[:3] - wanted[:3]).abs().avg() < 6


@pytest.mark.parametrize("name", FORMATS)
async def test_every_accepted_format_is_decoded(renderer, name):
    rendering = await render(renderer, FORMATS[name]())
    assert rendering.derived[0].width == 512


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("kept", [0.05, 0.3, 0.6, 0.95])
async def test_a_truncated_image_is_broken(renderer, name, kept):
    data = FORMATS[name]()
    with pytest.raises(BrokenImage):
        await render(renderer, data[: int(len(data) * kept)])


async def test_a_png_without_its_end_mark_is_broken(renderer):
    with pytest.raises(BrokenImage):
        await render(renderer, media_images.photograph("chelsea.png")[:-12])


@pytest.mark.parametrize("name", ["png", "jpeg", "webp"])
async def test_noise_behind_a_good_beginning_is_broken(renderer, name):
    with pytest.raises(BrokenImage):
        await render(renderer, FORMATS[name]()[:24] + os.urandom(4096))


@pytest.mark.parametrize("name", media_images.not_images())
def test_another_kind_of_file_is_not_an_image(name):
    with pytest.raises(UnsupportedImage):
        format_of(media_images.not_images()[name])


@pytest.mark.parametrize("name", media_images.not_images())
async def test_another_kind_of_file_behind_magic_bytes_is_broken(renderer, name):
    with pytest.raises(BrokenImage):
        await render(renderer, media_images.PNG_SIGNATURE + media_images.not_images()[name])


@pytest.mark.parametrize("declared", list(ImageFormat))
async def test_a_tiff_never_reaches_its_decoder(renderer, declared):
    with pytest.raises(BrokenImage):
        await renderer.render(media_images.not_images()["tiff"], declared)


async def test_an_image_of_144_megapixels_is_refused_by_its_header(renderer):
    bomb = media_images.png(12_000, 12_000)
    assert len(bomb) < 200_000
    with pytest.raises(ImageTooLarge):
        await render(renderer, bomb)


async def test_an_image_of_40_megapixels_is_accepted(renderer):
    rendering = await render(renderer, media_images.png(8_000, 5_000))
    assert (rendering.derived[0].width, rendering.derived[0].height) == (512, 320)


@pytest.mark.parametrize("bomb", [media_images.text_bomb, media_images.profile_bomb], ids=["zTXt", "iCCP"])
async def test_a_chunk_that_decompresses_to_200_megabytes_is_refused(renderer, bomb):
    data = bomb(200 << 20)
    assert len(data) < 300_000
    try:
        rendering = await render(renderer, data)
    except (BrokenImage, ImageTooCostly):
        return
    assert all(len(form.data) < 10_000 for form in rendering.derived)


@pytest.mark.parametrize("orientation", range(1, 9))
async def test_the_image_is_rotated_by_its_exif_orientation(renderer, orientation):
    upright = media_images.quadrants()
    jpeg = bytes(upright.jpegsave_buffer(Q=95))
    rendering = await render(renderer, media_images.with_exif(jpeg, orientation=orientation, thumbnail=jpeg))
    turned = pyvips.Image.new_from_buffer(
        media_images.with_exif(jpeg, orientation=orientation, thumbnail=jpeg), ""
    ).autorot()
    assert (rendering.width, rendering.height) == ((80, 40) if orientation < 5 else (40, 80))
    for form in rendering.derived:
        picture = decoded(form)
        assert (picture.width, picture.height) == (turned.width, turned.height)
        assert (picture - turned).abs().avg() < 12


async def test_all_metadata_is_removed(renderer):
    jpeg = media_images.converted("coffee.png", "jpeg")
    hidden = bytes(media_images.quadrants().jpegsave_buffer())
    rendering = await render(renderer, media_images.with_exif(jpeg, orientation=1, thumbnail=hidden))
    for form in rendering.derived:
        assert b"SecretCamera" not in form.data
        assert b"Exif" not in form.data
        assert b"EXIF" not in form.data
        assert hidden[20:60] not in form.data
        fields = set(decoded(form).get_fields())
        assert not {field for field in fields if field.startswith(("exif", "xmp", "icc"))}


async def test_the_same_bytes_give_the_same_renditions(renderer):
    data = media_images.photograph("astronaut.png")
    first, *others = await asyncio.gather(*(render(renderer, data) for _ in range(4)))
    assert all(other == first for other in others)


async def test_alpha_is_kept(renderer):
    rendering = await render(renderer, media_images.photograph("horse.png"))
    assert decoded(rendering.derived[0]).hasalpha()


async def test_cmyk_and_16_bit_pictures_become_srgb(renderer):
    picture = pyvips.Image.new_from_buffer(media_images.photograph("coffee.png"), "")
    cmyk = bytes(picture.colourspace("cmyk").jpegsave_buffer())
    deep = bytes(picture.colourspace("rgb16").pngsave_buffer())
    for data in (cmyk, deep):
        shown = decoded((await render(renderer, data)).derived[1])
        assert (shown.bands, shown.format, shown.interpretation) == (3, "uchar", "srgb")
        assert (shown - picture).abs().avg() < 12


async def test_a_killed_decoder_fails_only_its_own_image(tmp_path):
    greedy = tmp_path / "greedy.py"
    greedy.write_text(GREEDY)
    for how in (b"memory", b"cpu"):
        sandboxed = SandboxedRenderer(1, (sys.executable, str(greedy)))
        killed = kills()
        with pytest.raises(ImageTooCostly):
            await sandboxed.render(how, ImageFormat.PNG)
        assert kills() == killed + 1
        rendering = await sandboxed.render(media_images.photograph("text.png"), ImageFormat.PNG)
        assert rendering.width == 448
        await sandboxed.stop()


async def test_a_dead_sandbox_is_replaced():
    sandboxed = SandboxedRenderer(1)
    data = media_images.photograph("text.png")
    first = await render(sandboxed, data)
    process = sandboxed._idle[0]._process
    os.kill(process.pid, signal.SIGKILL)
    assert await render(sandboxed, data) == first
    await sandboxed.stop()


async def test_a_sandbox_that_never_starts_makes_the_service_unavailable():
    sandboxed = SandboxedRenderer(1, (sys.executable, "-c", "raise SystemExit"))
    lost = SANDBOX_RESTARTS._value.get()
    with pytest.raises(Unavailable):
        await sandboxed.render(b"", ImageFormat.PNG)
    assert SANDBOX_RESTARTS._value.get() == lost + 2


async def test_the_result_of_a_cancelled_call_never_reaches_the_next_call(wait_until):
    sandboxed = SandboxedRenderer(1)
    small = await render(sandboxed, media_images.photograph("text.png"))
    async with asyncio.TaskGroup() as tasks:
        large = tasks.create_task(render(sandboxed, media_images.photograph("retina.jpg")))
        await wait_until(lambda: not sandboxed._idle)
        large.cancel()
    assert await render(sandboxed, media_images.photograph("text.png")) == small
    await sandboxed.stop()


async def test_the_decoder_can_open_no_file_and_no_socket(tmp_path):
    curious = tmp_path / "curious.py"
    curious.write_text(CURIOUS)
    sandboxed = SandboxedRenderer(1, (sys.executable, str(curious)))
    with pytest.raises(BrokenImage):
        await sandboxed.render(b"", ImageFormat.PNG)
    await sandboxed.stop()


def kills() -> float:
    return sum(
        sample.value for family in SANDBOX_KILLS.collect() for sample in family.samples if "_total" in sample.name
    )


GREEDY = """
from pixel_media.adapters.outbound import sandbox
decode = sandbox.decode

def greedy(content_type, data):
    if data == b"memory":
        held = [bytearray(1 << 26) for _ in range(64)]
    while data == b"cpu":
        pass
    return decode(content_type, data)

sandbox.MAX_CPU_S = 1
sandbox.decode = greedy
sandbox.main()
"""

CURIOUS = """
import socket
from pixel_media.adapters.outbound import sandbox

def curious(content_type, data):
    for attempt in (lambda: open("/etc/hostname"), socket.socket):
        try:
            attempt()
        except OSError:
            continue
        return {"outcome": "ok"}, b""
    return {"outcome": "broken"}, b""

sandbox.decode = curious
sandbox.main()
"""
