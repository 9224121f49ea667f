"""Errors of assets and their reasons."""

from __future__ import annotations

from pixel_errors import Conflict, Invalid, Unavailable


class AssetInvalid(Invalid):
    """The metadata of the asset is malformed."""

    reason = "ASSET_INVALID"


class AssetConflict(Conflict):
    """The id belongs to other bytes or another owner."""

    reason = "ASSET_CONFLICT"


class ContentMismatch(Invalid):
    """The bytes do not match the stated size or SHA-256."""

    reason = "CONTENT_MISMATCH"


class ImageTooLarge(Invalid):
    """The image has more bytes or pixels than allowed."""

    reason = "IMAGE_TOO_LARGE"


class UnsupportedImage(Invalid):
    """The content is not a PNG, JPEG or WebP image."""

    reason = "UNSUPPORTED_IMAGE"


class BrokenImage(Invalid):
    """The image is damaged or incomplete."""

    reason = "BROKEN_IMAGE"


class ImageTooCostly(Invalid):
    """Decoding the image takes more memory or time than allowed."""

    reason = "IMAGE_TOO_COSTLY"


class AssetBeingRemoved(Unavailable):
    """An abandoned upload with this id is being removed; retry later."""

    reason = "ASSET_BEING_REMOVED"
