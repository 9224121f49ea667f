"""Every number this service counts itself."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

STORED_IMAGES = Counter("pixel_media_images_stored", "Images taken, repeats included.")
STORED_BYTES = Counter("pixel_media_bytes_stored", "Bytes of the originals taken, repeats included.")
REFUSED_IMAGES = Counter("pixel_media_images_refused", "Images not taken, by the reason given.", ["reason"])
SANDBOX_KILLS = Counter("pixel_media_sandbox_kills", "Decoders that were ended because they took too much.", ["how"])
SANDBOX_RESTARTS = Counter("pixel_media_sandbox_restarts", "Sandboxes that were lost and started again.")
RENDITION_SECONDS = Histogram(
    "pixel_media_rendition_seconds",
    "Time to decode one image and make its renditions, waiting for a free sandbox included.",
    buckets=(0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0),
)
SWEPT_ASSETS = Counter("pixel_media_leftovers_removed", "Abandoned attempts whose objects were removed.")
FOREIGN_OBJECTS = Gauge("pixel_media_foreign_objects", "Old objects under our prefixes with keys that are not ours.")
_USAGE = Gauge("storage_usage_by_type", "Bytes stored.", ["type"])
STORAGE_USAGE = {kind: _USAGE.labels(kind) for kind in ("image", "video")}
