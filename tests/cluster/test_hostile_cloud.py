"""The running operator before an endpoint that answers what no cloud answers, and repeats whatever it was sent."""

import asyncio
import json
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

from tests.cluster.objects import policy, role
from tests.cluster.world import World, log_lines
from tests.polling import until
from tests.unit.test_cloud_hostile import HOSTILE, KEY_ID, SECRET, TOKEN, Hostile, answer

SLOW = ("endless continues", "a retry-after of 400 digits", "a retry-after of a year")
"""They hold up a whole API for a while, as they should, and with it the other kinds here."""

KINDS = [reply for name, reply in HOSTILE.items() if name not in SLOW]
IDENTITY = {"AccountId": "1234567890123456", "Arn": "acs:ram::1234567890123456:root", "IdentityType": "Account"}


def reply(sent: str, given: dict[str, str]) -> Iterator[bytes]:
    """Answer each object's calls in one way; who asks for the caller is told, or nothing would begin."""
    if given["Action"] == "GetCallerIdentity":
        return answer(json.dumps(IDENTITY).encode())
    number = "".join(filter(str.isdigit, given.get("PolicyName") or given.get("RoleName") or "0"))
    return KINDS[int(number or 0) % len(KINDS)](sent, given)


@contextmanager
def serving(server: Hostile) -> Iterator[str]:
    """Run the server in a thread of its own; yields its URL."""
    ready, found = threading.Event(), list[str]()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
        found.append(f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}")
        ready.set()
        async with listener:
            await listener.serve_forever()

    def run() -> None:
        asyncio.set_event_loop(loop)
        task = loop.create_task(serve())
        loop.run_forever()
        left = asyncio.all_tasks(loop)
        for each in left:
            each.cancel()
        loop.run_until_complete(asyncio.gather(task, *left, return_exceptions=True))
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert ready.wait(10)
        yield found[0]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)


def test_no_answer_ends_the_operator_or_has_it_tell_a_secret(world: World) -> None:
    server = Hostile(reply)
    names = [f"hostile-{number}" for number in range(len(KINDS))]
    targets = [f"{kind}/{name}" for kind in ("RamPolicy", "RamRole") for name in names]
    with serving(server) as url:
        environment = {
            "RAM_OPERATOR_CREDENTIALS_DIR": "",
            "ALIBABA_CLOUD_ACCESS_KEY_ID": KEY_ID,
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET": SECRET,
            "ALIBABA_CLOUD_SECURITY_TOKEN": TOKEN,
            **{f"RAM_OPERATOR_ENDPOINT_{product}": url for product in ("RAM", "ECS", "STS")},
        }
        with world.environment(**environment):
            for name in names:
                world.api.create(policy(name), role(name))
            for target in targets:
                until(lambda target=target: world.status(target).get("conditions"))  # type: ignore[misc]
            with urllib.request.urlopen(f"{world.operator.url}/metrics", timeout=10) as told:
                metrics = told.read().decode()
            log = world.operator.child.log.read_text()
            statuses = json.dumps([world.body(target) for target in targets], ensure_ascii=False)
            events = json.dumps([world.api.events(target) for target in targets], ensure_ascii=False)
            assert world.operator.child.running
    own = {text for given in server.received for text in (given["Signature"], given["SignatureNonce"])}
    secrets = {form for text in (KEY_ID, SECRET, TOKEN, *own) for form in (text, quote(text, safe=""))}
    shown = {"log": log, "statuses": statuses, "events": events, "metrics": metrics}
    assert [(place, one) for place, text in shown.items() for one in secrets if one in text] == []
    assert not [line for line in log_lines(log) if "exception" in line]
    assert {given["Action"] for given in server.received} >= {"GetPolicy", "GetRole", "ListRoles"}
