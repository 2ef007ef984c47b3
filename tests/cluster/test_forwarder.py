"""The line that tests cut: whoever is just calling is cut off as well, and nothing is left open."""

import gc
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from tests.cluster.forwarder import forwarded

CALLERS, CUTS = 8, 30


def echo(listener: socket.socket) -> None:
    """Answer each caller with what it says, until the listener is closed."""
    with suppress(OSError):
        while True:
            with listener.accept()[0] as connection, suppress(OSError):
                connection.sendall(connection.recv(10))


def call(port: int, ended: threading.Event) -> None:
    """Call again and again."""
    while not ended.is_set():
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(b"hello")
            connection.recv(10)


def test_a_line_that_is_cut_while_many_call_leaves_nothing_open() -> None:
    ended = threading.Event()
    with ThreadPoolExecutor(CALLERS + 1) as threads, socket.create_server(("127.0.0.1", 0)) as far:
        threads.submit(echo, far)
        try:
            with forwarded(far.getsockname()[1]) as line:
                for _ in range(CALLERS):
                    threads.submit(call, line.port, ended)
                for _ in range(CUTS):
                    line.cut()
                    line.open()
        finally:
            ended.set()
            far.shutdown(socket.SHUT_RDWR)
    # What was left open is told of, as an error, when it is collected.
    gc.collect()
