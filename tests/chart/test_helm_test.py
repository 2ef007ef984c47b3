"""The chart's own test, `helm test`: what its pod is, and what it tells of an operator that is ready or not."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import cycle
from threading import Thread
from typing import Any

import pytest
from tests.chart.conftest import CREDENTIALS, Objects, Render, RunHelm, objects

LOOK = "kubectl -n ram-operator logs deployment/ram-operator --tail=20"


@pytest.fixture(scope="module")
def rendered(template: RunHelm) -> Objects:
    """Return all that the chart installs, its test with it."""
    return objects(template(*CREDENTIALS).stdout)


@contextmanager
def answering(*answers: tuple[int, str]) -> Iterator[str]:
    """An HTTP server that gives these answers in turn, over and over; the value is its address."""
    turns = cycle(answers)

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, text = next(turns)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: Any) -> None:
            """Print nothing."""

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def result(rendered: Objects, address: str) -> tuple[int, str]:
    """Exit code and words of the test's program, which asks `address` instead of the Service."""
    [container] = rendered["Pod", "ram-operator-test"]["spec"]["containers"]
    program = container["args"][0].replace("http://ram-operator-metrics:8080", address)
    command = [sys.executable, *container["command"][1:], program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


def test_the_pod_asks_the_service_of_the_operator_and_is_not_one_of_its_pods(rendered: Objects, render: Render) -> None:
    pod, service = rendered["Pod", "ram-operator-test"], rendered["Service", "ram-operator-metrics"]
    assert pod["metadata"]["annotations"]["helm.sh/hook"] == "test"
    [container] = pod["spec"]["containers"]
    assert f"http://{service['metadata']['name']}:{service['spec']['ports'][0]['port']}/readyz" in container["args"][0]
    assert service["spec"]["publishNotReadyAddresses"], "what is not ready has to say why"
    assert not service["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
    operator = render()["Deployment", "ram-operator"]["spec"]["template"]["spec"]["containers"][0]
    assert container["securityContext"] == operator["securityContext"]


def test_without_replicas_there_is_nothing_to_test(template: RunHelm) -> None:
    assert ("Pod", "ram-operator-test") not in objects(template("--set", "replicas=0").stdout)


def test_helm_is_asked_to_print_what_the_test_says_and_to_leave_a_pod_that_failed(rendered: Objects) -> None:
    annotations = rendered["Pod", "ram-operator-test"]["metadata"]["annotations"]
    assert set(annotations["helm.sh/hook-output-log-policy"].split(",")) == {"hook-failed", "hook-succeeded"}
    assert "hook-failed" not in annotations["helm.sh/hook-delete-policy"]


def test_an_operator_that_is_ready_passes_with_its_own_words(rendered: Objects) -> None:
    with answering((200, "ok, but admission policies are missing: a\n")) as address:
        assert result(rendered, address) == (
            0,
            "The operator is ready: ok, but admission policies are missing: a\n",
        )


def test_a_replica_that_is_ready_is_found_among_those_that_wait(rendered: Objects) -> None:
    waits = (503, "waits for the right to list nodes\n")
    with answering(waits, waits, (200, "ok\n")) as address:
        assert result(rendered, address) == (0, "The operator is ready: ok\n")


def test_replicas_that_all_wait_fail_it_with_the_reason_of_one_and_a_command(rendered: Objects) -> None:
    with answering((503, "waits for the right to list nodes\n")) as address:
        words = f"A replica of the operator waits for the right to list nodes; look at its log: {LOOK}\n"
        assert result(rendered, address) == (1, words)


def test_without_a_replica_that_answers_it_fails_with_a_reason_and_a_command(rendered: Objects) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        code, words = result(rendered, f"http://127.0.0.1:{closed.getsockname()[1]}")
    assert code == 1
    assert words.endswith(f"Connection refused; look at the log: {LOOK}\n")
    assert words.startswith("No replica of the operator answers: ")
    assert len(words.splitlines()) == 1
