"""EncodedDiagnosticMessage: why a call was refused, in a form that only DecodeDiagnosticMessage reads.

Written next to each refusal by `cloud`, read by RAM's call. The cloud keeps its form to itself; here it is JSON in
Base64 behind a digest, so that what was altered on the way is distinguished from what was sent.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any

_DIGEST_BYTES = 12


def encode(diagnosis: Mapping[str, Any]) -> str:
    """Return a diagnosis as one word."""
    text = json.dumps(diagnosis, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(_digest(text) + text).decode()


def decode(message: str) -> Any:  # noqa: ANN401 - JSON
    """Return the diagnosis of a word that `encode` made; raise ValueError if it is none."""
    decoded = base64.b64decode(message.encode(), altchars=b"-_", validate=True)
    digest, text = decoded[:_DIGEST_BYTES], decoded[_DIGEST_BYTES:]
    if digest != _digest(text):
        raise ValueError("it is not as it was sent")
    return json.loads(text)


def _digest(text: bytes) -> bytes:
    return hashlib.sha256(text).digest()[:_DIGEST_BYTES]
