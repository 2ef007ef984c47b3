"""TLS for the API and OSS, as the cloud has it; `__main__` asks for it if the command line names a certificate."""

import ssl
from pathlib import Path

from ram_simulator.testing.errors import CannotServe, reason_of


def server_context(certificate: Path, key: Path | None) -> ssl.SSLContext:
    """Return what servers need to show a certificate, whose key is in its own file if `key` is none.

    Raises CannotServe if a file cannot be read or the two do not go together.
    """
    files = [("--tls-cert", certificate), *([("--tls-key", key)] if key else [])]
    for option, path in files:
        try:
            path.read_bytes()
        except OSError as error:
            raise CannotServe(f"{option} {path}: {reason_of(error)}") from error
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # without a password a key that has one is an error, and not a question on the terminal
        context.load_cert_chain(certificate, key, password="")
    except (ssl.SSLError, ValueError) as error:
        named = " ".join(f"{option} {path}" for option, path in files)
        raise CannotServe(f"{named}: no PEM certificate with its key, which has no password") from error
    return context
