"""Object storage: S3 or a directory, one contract."""

from __future__ import annotations

from pixel_blobs.blobs import BlobConflict, BlobCorrupt, BlobNotFound, Blobs, BlobStat
from pixel_blobs.directory import DirectoryBlobs
from pixel_blobs.s3 import S3Blobs

__all__ = ["BlobConflict", "BlobCorrupt", "BlobNotFound", "BlobStat", "Blobs", "DirectoryBlobs", "S3Blobs"]
