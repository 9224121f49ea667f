"""The system account of a server: PostgreSQL refuses to run as root."""

from __future__ import annotations

import os
import shutil
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pixel_embedded.child import StartFailedError

if TYPE_CHECKING:
    from pathlib import Path

_NOBODY = 65534


@dataclass(frozen=True)
class Account:
    """The account that runs the server: options for setpriv, and its ids (None: the current account)."""

    setpriv_options: tuple[str, ...] = ()
    uid: int | None = None
    gid: int | None = None

    def give(self, path: Path) -> None:
        """Make the account the owner of the path."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)


def account_for(data_dir: Path, binaries: Path) -> Account:
    """Return the current account, or when it is root the owner of the data (`nobody` for new data).

    A checkout of root is often in a folder closed to others (/root, mktemp -d). The server then keeps the one
    capability that lets it enter those folders, and no other.
    """
    if os.geteuid() != 0:
        return Account()
    if shutil.which("setpriv") is None:
        raise StartFailedError("PostgreSQL does not run as root: install setpriv (util-linux) or use a plain user")
    uid = gid = _NOBODY
    if data_dir.exists() and data_dir.stat().st_uid != 0:
        uid, gid = data_dir.stat().st_uid, data_dir.stat().st_gid
    options = [f"--reuid={uid}", f"--regid={gid}", "--clear-groups"]
    if not (_open_to_others(data_dir.parent) and _open_to_others(binaries)):
        # Without the secure bit, access(2), which PostgreSQL calls on its own files, ignores the capability.
        options += ["--inh-caps=+dac_override", "--ambient-caps=+dac_override", "--securebits=+no_setuid_fixup"]
    return Account(tuple(options), uid, gid)


def _open_to_others(folder: Path) -> bool:
    resolved = folder.resolve()
    return all(path.stat().st_mode & stat.S_IXOTH for path in (resolved, *resolved.parents))
