"""A cache of the catalogue for a few seconds."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from pixel_errors import Unavailable

if TYPE_CHECKING:
    from pixel_generation.application.ports import Catalogues
    from pixel_generation.domain.catalogue.catalogue import Catalogue


class CachedCatalogue:
    """Reads the catalogue again when it is older than `max_age_s`; keeps it while its source is unreachable."""

    def __init__(self, source: Catalogues, *, max_age_s: float = 5.0) -> None:
        self._source = source
        self._max_age_s = max_age_s
        self._loaded: Catalogue | None = None
        self._loaded_at = 0.0
        self._loading = asyncio.Lock()

    async def current(self) -> Catalogue:
        """Return the catalogue; raise Unavailable when it was never read and cannot be."""
        if self._loaded is not None and time.monotonic() - self._loaded_at < self._max_age_s:
            return self._loaded
        async with self._loading:
            if self._loaded is None or time.monotonic() - self._loaded_at >= self._max_age_s:
                try:
                    self._loaded = await self._source.current()
                except Unavailable:
                    if self._loaded is None:
                        raise
                self._loaded_at = time.monotonic()
            return self._loaded
