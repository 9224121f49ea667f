"""`python -m tests.load [NAME|all]`: each benchmark is a module of this package with an async `main()`."""

from __future__ import annotations

import asyncio
import importlib
import sys

BENCHES = ("submit", "hop", "relay", "pickup", "painter")


def main() -> None:
    wanted = sys.argv[1] if len(sys.argv) > 1 else "all"
    if wanted not in (*BENCHES, "all"):
        sys.exit(f"no benchmark {wanted!r}; there are {', '.join(BENCHES)} and all")
    for name in BENCHES if wanted == "all" else (wanted,):
        print(f"\n== {name}", flush=True)
        asyncio.run(importlib.import_module(f"tests.load.{name}").main())


if __name__ == "__main__":
    main()
