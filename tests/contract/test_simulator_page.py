"""The page for people: it shows what there is, escapes it, needs nothing from elsewhere and tells no secret."""

import json
import re
import urllib.error
import urllib.request
from html.parser import HTMLParser

import pytest
from tests.contract.conftest import OldSdk, RunningSimulator

ODD = "<script>alert(1)</script>\"'&"
TRUST = json.dumps(
    {
        "Version": "1",
        "Statement": [
            {"Action": "sts:AssumeRole", "Effect": "Allow", "Principal": {"Service": ["ecs.aliyuncs.com", ODD]}}
        ],
    }
)
READ = '{"Version":"1","Statement":[{"Effect":"Allow","Action":"oss:Get*","Resource":"*"}]}'
VOID = {"meta"}


class Outline(HTMLParser):
    """Collects tags, attributes and text, and fails where tags do not nest."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: list[str] = []
        self.rows: list[list[str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value or "" for name, value in attrs if name == "href"]
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag == "td":
            self.rows[-1].append("")
        if tag == "div" and self.rows[-1][-1]:
            self.rows[-1][-1] += "|"

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "td" in self.open:
            self.rows[-1][-1] += data


CALL_CELLS = 6


def outlined(text: str) -> Outline:
    outline = Outline()
    outline.feed(text)
    return outline


def page(simulator: RunningSimulator, query: str = "") -> str:
    asked = urllib.request.Request(f"{simulator.control}/{query}", headers={"Accept": "text/html,*/*;q=0.8"})
    with urllib.request.urlopen(asked, timeout=10) as reply:
        assert reply.headers["Content-Type"] == "text/html; charset=utf-8"
        assert "default-src 'none'" in reply.headers["Content-Security-Policy"]
        text: str = reply.read().decode()
    return text


@pytest.fixture
def furnished(simulator: RunningSimulator, root: OldSdk) -> RunningSimulator:
    root.call("CreatePolicy", PolicyName="read-objects", PolicyDocument=READ)
    root.call("CreateRole", RoleName="EcsRole", AssumeRolePolicyDocument=TRUST)
    root.call("AttachPolicyToRole", PolicyType="Custom", PolicyName="read-objects", RoleName="EcsRole")
    root.call("AttachInstanceRamRole", RamRoleName="EcsRole", InstanceIds='["i-bp1simulator00000001"]')
    root.refusal("GetRole", RoleName="nobody")
    return simulator


def test_the_page_shows_who_is_attached_to_what_and_the_last_calls(furnished: RunningSimulator) -> None:
    outline = Outline()
    outline.feed(page(furnished))
    assert outline.open == []
    assert ["EcsRole", f"ecs.aliyuncs.com|{ODD}", "read-objects", "i-bp1simulator00000001"] in outline.rows
    assert ["read-objects", "v1 of 1", "Allow oss:Get* on *", "role EcsRole"] in outline.rows
    assert ["i-bp1simulator00000001", "node-1", "cn-hangzhou", "vpc", "Running", "EcsRole"] in outline.rows
    assert ["dev", "simulator-dev", "", ""] in outline.rows
    reason = "404 EntityNotExist.Role|The role does not exist: nobody."
    expected = ["Ram GetRole", "RoleName=nobody, RegionId=cn-hangzhou", "root", reason]
    assert any(row[1:5] == expected for row in outline.rows)


def test_a_refusal_says_what_policies_said(simulator: RunningSimulator, dev: OldSdk) -> None:
    dev.refusal("GetRole", RoleName="Web")
    (call,) = simulator.calls_since(0)[-1:]
    assert call["reason"].endswith("Action: ram:GetRole (no policy allows it)")
    assert "acs:ram:*:1234567890123456:role/Web" in call["reason"]
    assert call["reason"] in page(simulator)


def test_the_calls_can_be_those_that_wrote_or_were_refused(furnished: RunningSimulator, root: OldSdk) -> None:
    root.call("ListRoles")
    every, changes = (
        {(row[1], row[4].partition("|")[0]) for row in outlined(page(furnished, query)).rows if len(row) == CALL_CELLS}
        for query in ("", "?calls=changes")
    )
    kept = {("Ram CreateRole", "200"), ("Ram GetRole", "404 EntityNotExist.Role")}
    assert every >= kept | {("Ram ListRoles", "200")}
    assert changes >= kept
    assert ("Ram ListRoles", "200") not in changes


def test_a_role_leads_to_its_documents(furnished: RunningSimulator) -> None:
    (target,) = (link for link in outlined(page(furnished)).links if link.endswith("/EcsRole"))
    asked = urllib.request.Request(f"{furnished.control}/{target}", headers={"Accept": "text/html"})
    with urllib.request.urlopen(asked, timeout=10) as reply:
        text = reply.read().decode()
    shown = json.loads(text)
    assert (shown["trust"], shown["policies"][0]["document"]) == (json.loads(TRUST), json.loads(READ))
    assert "\n" in text.strip()  # in lines, since a person reads it
    with pytest.raises(urllib.error.HTTPError, match="404"):
        furnished.control_call("GET", "/roles/nobody")


def test_the_page_needs_nothing_from_elsewhere_and_can_change_nothing(furnished: RunningSimulator) -> None:
    outline = Outline()
    outline.feed(page(furnished))
    assert outline.tags.isdisjoint({"script", "link", "img", "iframe", "form", "button", "input", "object"})
    assert not {name for name in outline.attributes if name.startswith("on") or name in ("src", "style")}
    assert all(re.search(f'id="{link[1:]}"', page(furnished)) for link in outline.links if link.startswith("#"))
    elsewhere = {link.split("#")[0] for link in outline.links if not link.startswith("#")}
    assert elsewhere == {"roles/EcsRole", "./?calls=changes"}
    style = re.search(r"<style>(.*?)</style>", page(furnished), re.DOTALL)
    assert style
    assert "url(" not in style[1]
    assert "@import" not in style[1]


def test_the_page_escapes_and_tells_no_secret(furnished: RunningSimulator) -> None:
    text = page(furnished)
    assert ODD not in text
    assert "<script" not in text
    assert "secret" not in text


def test_the_page_is_made_for_phones_and_refreshes_itself(furnished: RunningSimulator) -> None:
    text = page(furnished)
    assert 'name="viewport" content="width=device-width' in text
    assert 'http-equiv="refresh" content="5"' in text


def test_a_long_list_is_cut_and_says_so(simulator: RunningSimulator, root: OldSdk) -> None:
    for _ in range(3):
        root.call("RunInstances", InstanceType="t", Amount="100")
    text = page(simulator)
    assert "the newest 200 are shown" in text
    assert len(text) < 200_000


def test_the_page_reminds_of_what_somebody_has_set(simulator: RunningSimulator) -> None:
    assert 'class="set"' not in page(simulator)
    simulator.control_call("POST", "/faults", {"action": "*", "count": 2, "lostReply": True})
    simulator.control_call("POST", "/clock", {"advanceSeconds": 3600})
    simulator.switch(second_role="error")
    text = page(simulator)
    assert "Fault for the next 2 calls of any action: lostReply." in text
    assert "The clock is 3600 seconds ahead." in text
    assert "Switch second-role is error, not row." in text


def test_looking_is_not_a_change(simulator: RunningSimulator) -> None:
    before = simulator.state()
    page(simulator)
    assert simulator.state() == before
