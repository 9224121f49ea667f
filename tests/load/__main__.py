"""`python -m tests.load [NAME|all] [--hot]`: each benchmark is a module of this package with an async `main()`.

`submit --hot` is the variant of `submit` where every job is of one account.
"""

from __future__ import annotations

import asyncio
import importlib
import sys

BENCHES = ("submit", "hop", "relay", "pickup", "painter", "claim", "engine", "fair", "fanout", "http_cpu")


def main() -> None:
    wanted = sys.argv[1] if len(sys.argv) > 1 else "all"
    if wanted not in (*BENCHES, "all"):
        sys.exit(f"no benchmark {wanted!r}; there are {', '.join(BENCHES)} and all")
    for name in BENCHES if wanted == "all" else (wanted,):
        print(f"\n== {name}", flush=True)
        module = importlib.import_module(f"tests.load.{name}")
        if "--hot" not in sys.argv[2:] or wanted == "all":
            asyncio.run(module.main())
        if name == "submit" and ("--hot" in sys.argv[2:] or wanted == "all"):
            asyncio.run(module.hot())


if __name__ == "__main__":
    main()
