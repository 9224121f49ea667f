"""From a prompt to picture files, through the public API."""

from __future__ import annotations

import asyncio
import os
import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from pixel_studio.errors import StudioError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pixel_studio.api_client import ApiClient, Update

SLUG_CHARACTERS = 60
SUFFIXES = {"image/png": ".png", "image/jpeg": ".jpg", "image/webp": ".webp"}
FIRST_PROMPT = "a lighthouse at dawn"


@dataclass(frozen=True)
class Wanted:
    """The options of `studio generate`; empty means the model's default."""

    prompt: str
    count: int = 1
    style: str = ""
    aspect_ratio: str = ""
    model: str = ""
    size: str = ""
    seed: int | None = None
    private: bool = False

    def body(self) -> dict[str, Any]:
        """Return the request body of the API."""
        facts = {
            "prompt": self.prompt,
            "numberOfImages": self.count,
            "style": self.style,
            "aspectRatio": self.aspect_ratio,
            "model": self.model,
            "size": self.size,
        }
        body: dict[str, Any] = {name: value for name, value in facts.items() if value != ""}
        if self.seed is not None:
            body["seed"] = self.seed
        if self.private:
            body["private"] = True
        return body


@dataclass(frozen=True)
class Made:
    """A generation that delivered pictures, and their files."""

    generation_id: str
    set_id: str
    files: tuple[Path, ...]
    requested: int


async def make_pictures(client: ApiClient, wanted: Wanted, out: Path, report: Callable[[Update], None]) -> Made:
    """Submit, wait and save; raise StudioError with the reason when there is no picture."""
    accepted = await client.submit(wanted.body(), idempotency_key=uuid4().hex)
    async for update in client.follow(accepted["id"]):
        report(update)
    generation = await client.generation(accepted["id"])
    if generation["status"] != "completed":
        failure = generation["error"] or {"code": generation["status"], "message": generation["currentStep"]}
        raise StudioError(f"the generation ended without a picture: {failure['message']} ({failure['code']})")
    images = sorted(generation["resultImages"], key=lambda image: image["index"])
    if any(image["url"] is None for image in images):
        raise StudioError(f"the pictures are stored, but cannot be read now: see {generation['links']['set']} later")
    files = []
    for image in images:
        data = await client.download(image["url"])
        suffix = SUFFIXES.get(image["contentType"], ".img")
        files.append(await asyncio.to_thread(_save, out, slug(wanted.prompt), suffix, data))
    return Made(generation["id"], generation["setId"], tuple(files), wanted.count)


async def first_picture(client: ApiClient, data_dir: Path, report: Callable[[Update], None]) -> Path:
    """Return the file of the first picture; make it when it does not exist."""
    out = data_dir / "pictures"
    file = out / f"{slug(FIRST_PROMPT)}-1.png"
    if await asyncio.to_thread(file.exists):
        return file
    made = await make_pictures(client, Wanted(FIRST_PROMPT, aspect_ratio="16:9", seed=1), out, report)
    return made.files[0]


def slug(prompt: str) -> str:
    """Return a file name made from the words of the prompt, in any script."""
    words = re.findall(r"\w+", unicodedata.normalize("NFKC", prompt).lower())
    name = ""
    for word in words:
        longer = f"{name}-{word}" if name else word
        if len(longer) > SLUG_CHARACTERS or len(longer.encode()) > 2 * SLUG_CHARACTERS:
            break
        name = longer
    return name or "picture"


def require_folder(out: Path) -> None:
    """Create the output folder; raise StudioError when that fails, before anything is paid for."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StudioError(f"cannot write pictures to {out}: {error.strerror or error}") from error
    if not os.access(out, os.W_OK):
        raise StudioError(f"cannot write pictures to {out}: it is read-only")


def _save(out: Path, name: str, suffix: str, data: bytes) -> Path:
    """Write under the first free number; an existing file is never overwritten."""
    out.mkdir(parents=True, exist_ok=True)
    number = 1
    while True:
        file = out / f"{name}-{number}{suffix}"
        try:
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        except FileExistsError:
            number += 1
            continue
        with os.fdopen(descriptor, "wb") as written:
            written.write(data)
        return file
