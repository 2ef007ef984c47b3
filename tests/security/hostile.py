"""A server in place of RAM that answers what no cloud answers, for a process that is to survive it."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import parse_qs

from tests.unit.test_cloud_hostile import HOSTILE


class HostileRam(socketserver.ThreadingTCPServer):
    """Answers every request in the way that `way` names.

    Attributes:
        way: a key of the table of hostile answers.
        answered: how many requests it has begun to answer.
        secrets: what the requests had that nobody else must see.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.way = "nothing"
        self.answered = 0
        self.secrets: set[str] = set()

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Connection(socketserver.StreamRequestHandler):
    server: HostileRam
    timeout = 30

    def handle(self) -> None:
        """Read one request and answer it; the client may leave at any time."""
        with suppress(OSError):
            length = 0
            while (line := self.rfile.readline().strip().lower()) != b"":
                if line.startswith(b"content-length:"):
                    length = int(line.partition(b":")[2])
            sent = self.rfile.read(length).decode()
            given = {name: values[0] for name, values in parse_qs(sent).items()}
            self.server.secrets |= {given["Signature"], given["SignatureNonce"]}
            self.server.answered += 1
            # permanent keys have no token, and the table's answers have one
            for piece in HOSTILE[self.server.way](sent, {"SecurityToken": "none", **given}):
                self.wfile.write(piece)


@contextmanager
def hostile_ram() -> Iterator[HostileRam]:
    """A hostile server, ended afterwards."""
    with HostileRam() as server:
        thread = threading.Thread(target=server.serve_forever, name="hostile")
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join(10)
