"""The `studio` command."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from pixel_studio.errors import StudioError
from pixel_studio.keys_command import keys_app
from pixel_studio.reporting import progress_bar, say
from pixel_studio.running import find_running
from pixel_studio.settings import StudioSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine

    from pixel_studio.pictures import Made, Wanted

T = TypeVar("T")

INTERRUPTED = 130

app = typer.Typer(
    help="Make pictures with AI providers. Everything runs on this machine; nothing needs to be installed beside it.",
    epilog="Examples:  studio up   |   studio generate 'a lighthouse at dawn' -n 4 --style ink   |   studio doctor",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(keys_app, name="keys")

DataDir = Annotated[
    Path, typer.Option(envvar="PIXEL_DATA_DIR", help="Directory that holds the database, pictures and keys.")
]


@dataclass(frozen=True)
class Target:
    """Address of a studio and the API key to use."""

    address: str
    api_key: str


def show_version(wanted: bool) -> None:  # noqa: FBT001 - typer's callback form
    """Print the version and exit."""
    if wanted:
        from importlib.metadata import version

        print(f"studio {version('pixel-studio')}")
        raise typer.Exit


@app.callback()
def studio(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Make pictures with AI providers. Everything runs on this machine; nothing needs to be installed beside it."""
    del version


@app.command(epilog="Examples:  studio up   |   studio up --port 9000 --data-dir ~/pixel --first-picture")
def up(
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 opens it to the network.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 8080,
    data_dir: DataDir = Path(".studio"),
    *,
    picture: Annotated[bool, typer.Option("--first-picture", help="Make one picture and print its file.")] = False,
) -> None:
    """Start everything and serve until Ctrl-C. A second start keeps all data."""
    settings = StudioSettings(host=host, port=port, data_dir=data_dir)
    try:
        _run(_up(settings, picture=picture))
    except asyncio.CancelledError:
        say("stopped")


@app.command(
    epilog="Examples:  studio generate 'a lighthouse at dawn' -n 4 --style ink --aspect-ratio 16:9 --out art   |   "
    "studio generate 'a red fox' --address http://127.0.0.1:8080 --api-key pxl_…",
)
def generate(  # noqa: PLR0917 - each parameter is an option
    prompt: Annotated[str, typer.Argument(help="What the picture shows.")],
    count: Annotated[int, typer.Option("-n", "--count", help="Number of pictures.")] = 1,
    style: Annotated[str, typer.Option(help="Style preset, for example ink or watercolor.")] = "",
    aspect_ratio: Annotated[str, typer.Option(help="Such as 16:9.")] = "",
    model: Annotated[str, typer.Option(help="Model id; see GET /api/models.")] = "",
    seed: Annotated[int | None, typer.Option(help="The same seed and prompt give the same picture.")] = None,
    size: Annotated[str, typer.Option(help="Such as 1536x1024.")] = "",
    out: Annotated[Path, typer.Option(help="Directory for the files.")] = Path(),
    address: Annotated[str, typer.Option(envvar="PIXEL_ADDRESS", help="Address of a studio; else one here.")] = "",
    api_key: Annotated[str, typer.Option(envvar="PIXEL_API_KEY", help="API key for that address.")] = "",
    data_dir: DataDir = Path(".studio"),
    *,
    private: Annotated[bool, typer.Option("--private", help="Keep the pictures out of discover.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of file names.")] = False,
) -> None:
    """Make pictures and print the names of their files. Uses the running studio, or starts one until it is done."""
    from pixel_studio.pictures import Wanted

    wanted = Wanted(prompt, count, style, aspect_ratio, model, size, seed, private)
    try:
        made = _run(_generate(wanted, out, address, api_key, data_dir, quiet=as_json))
    except asyncio.CancelledError:
        raise typer.Exit(INTERRUPTED) from None
    if as_json:
        _print_json(_made_facts(made))
    else:
        for file in made.files:
            print(file)
    if len(made.files) < made.requested:
        say(f"{len(made.files)} of {made.requested} pictures were delivered; the rest was not charged")


@app.command(epilog="Examples:  studio doctor   |   studio doctor --json")
def doctor(
    data_dir: DataDir = Path(".studio"),
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show what is configured, reachable and missing. Exits with 1 when something the studio needs is missing."""
    from pixel_studio.doctor import examine

    findings = _run(examine(data_dir, os.environ))
    if as_json:
        _print_json({"findings": [vars(finding) for finding in findings]})
    else:
        width = max(len(finding.name) for finding in findings)
        for finding in findings:
            print(f"{finding.state.value:8}  {finding.name:{width}}  {finding.detail}")
    if any(finding.is_fatal for finding in findings):
        raise typer.Exit(1)


def main() -> None:
    """Run the command; an expected error is one line on stderr and exit code 1."""
    from pixel_embedded import InUseError, StartFailedError
    from pixel_errors import PixelError

    try:
        app(prog_name="studio")
    except (StudioError, StartFailedError, InUseError, PixelError) as error:
        say(f"studio: {error}")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


async def _up(settings: StudioSettings, *, picture: bool) -> None:
    from pixel_studio.api_client import open_client
    from pixel_studio.pictures import first_picture
    from pixel_studio.studio import run_studio

    async with run_studio(settings, progress=say) as running:
        lines = [f"address: {running.address}", f"api key: {running.api_key}"]
        if picture:
            async with open_client(running.address, running.api_key) as client:
                with progress_bar() as report:
                    lines.append(f"first picture: {await first_picture(client, running.data_dir, report)}")
        print("\n".join(lines), flush=True)
        say("serving; Ctrl-C stops")
        await asyncio.Event().wait()


async def _generate(wanted: Wanted, out: Path, address: str, api_key: str, data_dir: Path, *, quiet: bool) -> Made:
    from pixel_studio.api_client import open_client
    from pixel_studio.pictures import make_pictures, require_folder

    require_folder(out)
    async with (
        _target(address, api_key, data_dir) as target,
        open_client(target.address, target.api_key) as client,
    ):
        with progress_bar(quiet=quiet) as report:
            return await make_pictures(client, wanted, out, report)


@asynccontextmanager
async def _target(address: str, api_key: str, data_dir: Path) -> AsyncIterator[Target]:
    """Yield the studio at the address, else the one running on the directory, else one started for the block."""
    from pixel_studio.accounts import read_key

    if address:
        if not api_key:
            raise StudioError("an address needs a key: --api-key, or PIXEL_API_KEY")
        yield Target(address.rstrip("/"), api_key)
        return
    running = find_running(data_dir)
    if running is not None:
        yield Target(running.address, api_key or read_key(data_dir))
        return
    from pixel_studio.studio import run_studio

    async with run_studio(StudioSettings(port=0, data_dir=data_dir), progress=say) as started:
        yield Target(started.address, api_key or started.api_key)


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Run the coroutine; Ctrl-C and SIGTERM cancel it, also a second time while it stops."""

    async def guarded() -> T:
        task = asyncio.current_task()
        assert task is not None
        # Set here and not by asyncio, which keeps an ignored SIGINT ignored, as shells set it for background jobs.
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        return await work

    return asyncio.run(guarded())


def _made_facts(made: Made) -> dict[str, Any]:
    return {"generationId": made.generation_id, "setId": made.set_id, "files": [str(file) for file in made.files]}


def _print_json(facts: dict[str, Any]) -> None:
    import msgspec

    print(msgspec.json.encode(facts).decode())
