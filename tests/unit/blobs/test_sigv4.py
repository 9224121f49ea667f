"""Signed URLs equal those of the SDK."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from pixel_blobs.sigv4 import Signer


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:7070", "https://s3.example.org", "https://example.org/s3"])
def test_the_signature_equals_the_sdks(endpoint, monkeypatch):
    now = datetime(2026, 5, 4, 10, 0, tzinfo=UTC)
    signer = Signer(endpoint, "my-bucket", "eu-central-1", "AKID", "se/cr+et")
    ours = signer.presign_get("images/a~b.png", expires_s=7200, content_type="image/png", signed_at=now)
    request = AWSRequest("GET", f"{endpoint}/my-bucket/images/a~b.png", params={"response-content-type": "image/png"})
    sdk = S3SigV4QueryAuth(Credentials("AKID", "se/cr+et"), "s3", "eu-central-1", expires=7200)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: now.replace(tzinfo=None))
    sdk.add_auth(request)
    assert ours.rpartition("X-Amz-Signature=")[2] == str(request.url).rpartition("X-Amz-Signature=")[2]
