"""`studio keys`: accounts' API keys."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pixel_studio.reporting import say
from pixel_studio.running import find_running
from pixel_studio.settings import StudioSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pixel_studio.accounts import Accounts

keys_app = typer.Typer(help="Create, list and revoke API keys.", no_args_is_help=True, rich_markup_mode=None)

DataDir = Annotated[
    Path, typer.Option(envvar="PIXEL_DATA_DIR", help="Directory that holds the database, pictures and keys.")
]
User = Annotated[str, typer.Option(help="Username of the account; created when it does not exist.")]


@keys_app.command(
    epilog="Examples:  studio keys create   |   studio keys create --user ada --name laptop --credits 500"
)
def create(
    name: Annotated[str, typer.Option(help="Name of the key.")] = "studio keys create",
    user: User = "studio",
    first_credits: Annotated[int, typer.Option("--credits", min=0, help="Credits of a new account.")] = 1_000,
    data_dir: DataDir = Path(".studio"),
) -> None:
    """Create a key and print its secret. It is shown once and not stored."""
    asyncio.run(_create(name, user, first_credits, data_dir))


@keys_app.command("list", epilog="Example:  studio keys list --user ada")
def list_keys(user: User = "studio", data_dir: DataDir = Path(".studio")) -> None:
    """List the keys of an account, newest first."""
    asyncio.run(_list(user, data_dir))


@keys_app.command(epilog="Example:  studio keys revoke key_0123… --user ada")
def revoke(
    key_id: Annotated[str, typer.Argument(help="Id of the key, as `studio keys list` shows it.")],
    user: User = "studio",
    data_dir: DataDir = Path(".studio"),
) -> None:
    """Revoke a key; requests with it are refused within seconds."""
    asyncio.run(_revoke(key_id, user, data_dir))


async def _create(name: str, user: str, first_credits: int, data_dir: Path) -> None:
    async with _accounts(data_dir) as accounts:
        account = await accounts.ensure(user, first_credits)
        print((await accounts.create_key(account.id, name)).secret)


async def _list(user: str, data_dir: Path) -> None:
    async with _accounts(data_dir) as accounts:
        account = await accounts.ensure(user, 0)
        for key in await accounts.keys(account.id):
            state = "revoked" if key.HasField("revoke_time") else "works"
            print(f"{key.id}  {key.prefix}…  {state:7}  {key.create_time.ToJsonString()}  {key.name}")


async def _revoke(key_id: str, user: str, data_dir: Path) -> None:
    async with _accounts(data_dir) as accounts:
        account = await accounts.ensure(user, 0)
        key = await accounts.revoke(account.id, key_id)
        print(f"revoked {key.id} ({key.name})")


@asynccontextmanager
async def _accounts(data_dir: Path) -> AsyncIterator[Accounts]:
    """Connect to the running studio, or start one for the block."""
    from pixel_studio.accounts import open_accounts
    from pixel_studio.studio import run_studio

    running = find_running(data_dir)
    if running is not None:
        async with open_accounts(running.grpc_address) as accounts:
            yield accounts
        return
    async with (
        run_studio(StudioSettings(port=0, data_dir=data_dir), progress=say) as started,
        open_accounts(started.grpc_address) as accounts,
    ):
        yield accounts
