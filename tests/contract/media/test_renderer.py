"""Contract of the renderers: the fake and the sandboxed one."""

from __future__ import annotations

import pytest
from pixel_media.adapters.outbound.sandboxed_renderer import SandboxedRenderer
from pixel_media.application.renditions.ports import Renderer
from pixel_media.domain.errors import BrokenImage
from pixel_media.domain.renditions.rendition import ImageFormat, RenditionKind

from tests.fakes.media import FakeRenderer
from tests.fakes.media_images import photograph

CONTRACTS = {Renderer: (FakeRenderer, SandboxedRenderer)}


@pytest.fixture(params=["fake", "sandbox"])
async def renderer(request):
    if request.param == "fake":
        yield FakeRenderer()
        return
    real = SandboxedRenderer(1)
    await real.start()
    yield real
    await real.stop()


async def test_an_image_has_a_thumbnail_and_a_preview_that_are_the_same_each_time(renderer):
    picture = photograph("chelsea.png")
    first, second = [await renderer.render(picture, ImageFormat.PNG) for _ in range(2)]
    assert {form.kind for form in first.derived} == {RenditionKind.THUMBNAIL, RenditionKind.PREVIEW}
    assert all(0 < form.width <= first.width and 0 < form.height <= first.height for form in first.derived)
    assert first == second


async def test_a_broken_image_is_refused(renderer):
    if isinstance(renderer, FakeRenderer):
        renderer.refuses = BrokenImage()
    with pytest.raises(BrokenImage):
        await renderer.render(photograph("chelsea.png")[:2000], ImageFormat.PNG)
