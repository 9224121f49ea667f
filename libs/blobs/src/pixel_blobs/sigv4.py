"""Signed GET URLs by AWS Signature Version 4 in the query string.

The signing time is an argument, which the SDK does not offer: URLs signed for the same hour are equal, so browsers
and CDNs can cache them. One URL costs a few hash calls and no request object.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

if TYPE_CHECKING:
    from datetime import datetime

_ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True)
class Signer:
    """Signs for one endpoint and one bucket, with path-style URLs."""

    endpoint_url: str
    bucket: str
    region: str
    access_key: str
    secret_key: str

    def presign_get(self, key: str, *, expires_s: int, content_type: str, signed_at: datetime) -> str:
        """Return the URL of an object; the store responds with `content_type`. `signed_at` is aware UTC."""
        endpoint = urlsplit(self.endpoint_url)
        day, moment = signed_at.strftime("%Y%m%d"), signed_at.strftime("%Y%m%dT%H%M%SZ")
        scope = f"{day}/{self.region}/s3/aws4_request"
        path = f"{quote(endpoint.path.rstrip('/'))}/{quote(self.bucket)}/{quote(key)}"
        query = _canonical_query(
            {
                "X-Amz-Algorithm": _ALGORITHM,
                "X-Amz-Credential": f"{self.access_key}/{scope}",
                "X-Amz-Date": moment,
                "X-Amz-Expires": str(expires_s),
                "X-Amz-SignedHeaders": "host",
                "response-content-type": content_type,
            }
        )
        request = f"GET\n{path}\n{query}\nhost:{endpoint.netloc}\n\nhost\nUNSIGNED-PAYLOAD"
        to_sign = f"{_ALGORITHM}\n{moment}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
        signature = hmac.digest(self._key_of(day), to_sign.encode(), "sha256").hex()
        return f"{endpoint.scheme}://{endpoint.netloc}{path}?{query}&X-Amz-Signature={signature}"

    def _key_of(self, day: str) -> bytes:
        key = f"AWS4{self.secret_key}".encode()
        for part in (day, self.region, "s3", "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        return key


def _canonical_query(facts: dict[str, str]) -> str:
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in sorted(facts.items()))
