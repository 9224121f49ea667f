"""Metrics of this service."""

from __future__ import annotations

from prometheus_client import Counter

_RECORDED = Counter("pixel_social_images_recorded", "Images added to sets.", ["visibility"])

NOTIFIED = Counter("pixel_social_notified", "Notification events that were added to a notification.", ["kind"])

RECORDED_IMAGES = {False: _RECORDED.labels("public"), True: _RECORDED.labels("private")}
"""Counters by whether the image is private."""
