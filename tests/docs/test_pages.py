"""The pages agree with the code and with one another: generated parts, links, sizes, and the words for every reason."""

import re
from urllib.parse import urlsplit

import pytest
import yaml
from docs.generate import PARTS, filled
from prometheus_client import generate_latest
from tests.docs.pages import PAGES, ROOT, anchors, blocks, links
from tests.unit.sentences import faults

from ram_operator import metrics
from ram_operator.model import ACCOUNT_REMEDY, Disposition, EventReason, Reason, disposition

LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")
NOBODY_CAN_HELP = {"VirtualNode", "LingjunNode", "HybridNode", "ForeignProviderID", "NotSelected", "Unbound"}
KNOWN_HOSTS = {"github.com", "kind.sigs.k8s.io", "keepachangelog.com", "semver.org"}


@pytest.mark.parametrize("page", PAGES)
def test_each_generated_part_is_what_its_source_says(page: str) -> None:
    text = (ROOT / page).read_text()
    assert filled(text) == text, "run `make generate`"


def test_each_part_that_can_be_generated_is_on_a_page_and_has_an_end() -> None:
    texts = [(ROOT / page).read_text() for page in PAGES]
    for name in PARTS:
        starts = [text.count(f"<!-- {name} -->\n") for text in texts]
        assert max(starts) == 1, name
        assert starts == [text.count(f"<!-- /{name} -->") for text in texts], name


def test_there_are_words_for_every_reason_and_for_nothing_else() -> None:
    words = yaml.safe_load((ROOT / "operator/ram_operator/data/reasons.yaml").read_text())
    assert set(words["reasons"]) == {str(reason) for reason in Reason}
    assert set(words["events"]) == {str(reason) for reason in EventReason}


def test_what_to_do_about_another_account_is_told_alike_by_the_pages_and_by_the_process() -> None:
    words = yaml.safe_load((ROOT / "operator/ram_operator/data/reasons.yaml").read_text())
    remedy = words["reasons"]["WrongAccount"]["do"].replace("`", "")
    assert remedy.replace(". To move", "; to move").removesuffix(".").casefold() == ACCOUNT_REMEDY.casefold()


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    broken = [link for link in links(page) if not leads_somewhere(page, link)]
    assert broken == []


def test_every_reason_that_needs_somebody_says_what_to_do_and_each_is_told_in_short_sentences() -> None:
    words = yaml.safe_load((ROOT / "operator/ram_operator/data/reasons.yaml").read_text())["reasons"]
    silent = {name for name, of in words.items() if "do" not in of}
    assert {name for name in silent if disposition(Reason(name)) is Disposition.STALLED} == NOBODY_CAN_HELP
    sentences = {part for of in words.values() for text in of.values() for part in re.split(r"(?<=[.;:])\s", text)}
    assert [part for part in sentences if faults(LINK.sub(r"\1", part))] == []
    assert [text for of in words.values() for text in of.values() if not text.endswith(".")] == []


def leads_somewhere(page: str, link: str) -> bool:
    """Whether a file and its heading are there; addresses elsewhere have a known host and are not asked."""
    parts = urlsplit(link)
    if parts.scheme:
        return parts.scheme == "https" and parts.hostname in KNOWN_HOSTS
    target = (ROOT / page).parent / parts.path if parts.path else ROOT / page
    if not parts.fragment:
        return target.exists()
    return target.is_file() and parts.fragment in anchors(str(target.resolve().relative_to(ROOT)))


def test_every_page_of_the_documentation_is_in_its_index() -> None:
    index = {link.partition("#")[0] for link in links("docs/README.md") + links("docs/simulator/README.md")}
    pages = [page.removeprefix("docs/") for page in PAGES if page.startswith("docs/") and page != "docs/README.md"]
    assert [page for page in pages if page not in index and page.removeprefix("simulator/") not in index] == []


def test_the_readme_is_read_in_a_minute() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 200


def test_every_block_of_code_says_what_it_is() -> None:
    known = {"sh", "console", "yaml", "json", "python", "ini", "mermaid", "hcl", "javascript", "go", "java", ""}
    found = {block.language for page in PAGES for block in blocks(page)}
    assert found <= known


def test_nothing_is_exported_beyond_the_list_of_metrics() -> None:
    metrics.observe_call("GetRole", "OK", 0.1)
    families = re.findall(r"^# TYPE (ram_operator_\w+) ", generate_latest().decode(), re.MULTILINE)
    listed = re.findall(r"^\| `(ram_operator_\w+)` \|", (ROOT / "docs/metrics.md").read_text(), re.MULTILINE)
    assert families == listed
