"""The threat table and this folder name each other."""

import re
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs/security.md"


def test_each_actor_of_the_table_has_its_file_and_each_file_its_row() -> None:
    named = set(re.findall(r"`(test_\w+\.py)`", PAGE.read_text()))
    assert named == {path.name for path in HERE.glob("test_*.py")} - {Path(__file__).name}


def test_each_admission_policy_is_described() -> None:
    crds = "".join(path.read_text() for path in (HERE.parents[1] / "crds").glob("admission-*.yaml"))
    installed = set(re.findall(r"kind: ValidatingAdmissionPolicy\nmetadata:\n  name: (\S+)", crds))
    assert set(re.findall(r"`([a-z-]+\.ram\.alicloud\.dev)`", PAGE.read_text())) == installed
