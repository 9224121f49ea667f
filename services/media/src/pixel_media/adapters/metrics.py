"""Metrics of this service."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

STORED_IMAGES = Counter("pixel_media_images_stored", "Images accepted, repeats included.")
STORED_BYTES = Counter("pixel_media_bytes_stored", "Bytes of the originals accepted, repeats included.")
REFUSED_IMAGES = Counter("pixel_media_images_refused", "Images refused, by reason.", ["reason"])
SANDBOX_KILLS = Counter("pixel_media_sandbox_kills", "Decoders killed for exceeding a limit.", ["how"])
SANDBOX_RESTARTS = Counter("pixel_media_sandbox_restarts", "Sandboxes that died and were restarted.")
RENDITION_SECONDS = Histogram(
    "pixel_media_rendition_seconds",
    "Time to decode one image and make its renditions, with the wait for a sandbox.",
    buckets=(0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0),
)
SWEPT_ASSETS = Counter("pixel_media_leftovers_removed", "Abandoned uploads whose objects were removed.")
FOREIGN_OBJECTS = Gauge(
    "pixel_media_foreign_objects", "Old objects under the prefixes of this service with foreign keys."
)
_USAGE = Gauge("storage_usage_by_type", "Bytes stored.", ["type"])
STORAGE_USAGE = {kind: _USAGE.labels(kind) for kind in ("image", "video")}
