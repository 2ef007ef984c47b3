"""`ram-operator plan -f`: which objects of the files it plans, and what it says to type next."""

from __future__ import annotations

import json
import shlex
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from tests.unit.builders import KINDS, NOW
from tests.unit.pool import scene

from ram_operator.cluster.kube import Kube
from ram_operator.commands.command_line import Access, Planner, parse, run
from ram_operator.errors import StartupError

OURS = {"apiVersion": "ram.alicloud.dev/v1alpha1", "kind": "InstanceRoleBinding", "metadata": {"name": "pool"}}
SPEC = {"roleRef": {"name": "oss-reader"}, "nodeSelector": {"matchLabels": {"pool": "storage"}}}
FOREIGN: dict[str, Any] = {
    "another group": {"apiVersion": "ram.example.com/v1", "kind": "RamRole", "metadata": {"name": "x"}},
    "no metadata": {"apiVersion": "ram.example.com/v1", "kind": "RamRole"},
    "no apiVersion": {"kind": "RamRole", "metadata": {"name": "x"}, "spec": {}},
    "a kind that is a list": {"apiVersion": "v1", "kind": ["RamRole"]},
    "a kind that is a mapping": {"kind": {"RamRole": 1}},
    "a list": [1],
    "text": "RamRole",
}


def planned(capsys: pytest.CaptureFixture[str], *files: Path) -> list[str]:
    """The lines that planning these files prints."""
    made, _ = scene({}, nodes=0)

    @asynccontextmanager
    async def planner() -> AsyncIterator[Planner]:
        yield Planner(Kube(cast("Any", None), ()), made.caches, made.reconciler, None, lambda: NOW)

    asked = parse(["plan", *(part for path in files for part in ("-f", str(path)))], "1.2.3")
    run(asked, "1.2.3", KINDS, Access(lambda: pytest.fail("no cloud is asked for"), planner))
    return capsys.readouterr().out.splitlines()


def written(path: Path, *bodies: Any) -> Path:
    path.write_text("\n---\n".join(map(json.dumps, bodies)))
    return path


@pytest.mark.parametrize("foreign", FOREIGN.values(), ids=FOREIGN)
def test_an_object_of_another_group_is_passed_over_whatever_its_kind_is_called(
    foreign: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = planned(capsys, written(tmp_path / "x.yaml", foreign, {**OURS, "spec": SPEC}))
    assert lines[0].startswith("InstanceRoleBinding/pool: ")
    assert " of 1 object; next: " in lines[-1]


def test_an_object_whose_name_the_api_server_makes_cannot_be_planned(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path / "x.yaml", {**OURS, "metadata": {"generateName": "pool-"}, "spec": SPEC})
    with pytest.raises(StartupError, match=rf"cannot plan {path}:1: .*write metadata\.name"):
        planned(capsys, path)


def test_the_command_to_type_next_applies_what_was_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "a folder/below"
    folder.mkdir(parents=True)
    path = written(folder / "x.yaml", {**OURS, "spec": SPEC})
    said = {named: planned(capsys, *named)[-1].partition("; next: ")[2] for named in ((path,), (tmp_path, path))}
    assert {named: shlex.split(line)[2:] for named, line in said.items()} == {
        (path,): ["-f", str(path)],
        (tmp_path, path): ["-R", "-f", str(tmp_path), "-f", str(path)],
    }
