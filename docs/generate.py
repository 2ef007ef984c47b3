"""Write the generated parts of the documentation: what stands between `<!-- NAME -->` and `<!-- /NAME -->`.

`python -m docs.generate` writes them, and `--check` only says which pages are out of date. The sources are the CRDs,
the reasons, the settings and the metrics of the operator, the chart's values, and the simulator's own tables.
"""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from prometheus_client.metrics import MetricWrapperBase

from ram_operator import metrics
from ram_operator.model import EventReason, Reason
from ram_operator.settings import variables
from ram_simulator.testing.evidence import evidence_of
from ram_simulator.testing.fixtures import example_text
from ram_simulator.testing.tables import actions_table, control_table, switches_table

ROOT = Path(__file__).parents[1]
CHART = ROOT / "charts/ram-operator"
KINDS = ("rampolicies", "ramroles", "instancerolebindings")
CONDITION_OPERATORS = "Condition"  # its fields are RAM's operators, the same everywhere


def pages() -> list[Path]:
    """All pages of the repository that people read."""
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "charts").rglob("*.md")])


def filled(text: str) -> str:
    """A page's text with each generated part as its source has it now."""
    for name, made in PARTS.items():
        before, start, rest = text.partition(f"<!-- {name} -->\n")
        _, end, after = rest.partition(f"<!-- /{name} -->")
        if start and end:
            text = f"{before}{start}{made().strip()}\n{end}{after}"
    return text


def table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    """A table of Markdown; a bar in a cell is escaped."""
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def api() -> str:
    """Every field of the three kinds."""
    return "\n\n".join(_kind(plural) for plural in KINDS)


def _kind(plural: str) -> str:
    crd = yaml.safe_load((ROOT / f"crds/{plural}.ram.alicloud.dev.yaml").read_text())
    names, version = crd["spec"]["names"], crd["spec"]["versions"][0]
    parts = version["schema"]["openAPIV3Schema"]["properties"]
    columns = ", ".join(column["name"].upper() for column in version["additionalPrinterColumns"])
    about = (
        f"Short name `{names['shortNames'][0]}`, categories {', '.join(f'`{name}`' for name in names['categories'])}."
    )
    head = ("field", "type", "default", "description")
    fields = {part: list(_fields(parts[part])) for part in ("spec", "status")}
    without_default = ((path, kind, words) for path, kind, _, words in fields["status"])
    return "\n\n".join(
        (
            f"## {names['kind']}\n\n{about} Columns: {columns}.",
            f"### {names['kind']} spec\n\n{table(head, iter(fields['spec']))}",
            f"### {names['kind']} status\n\n{table((*head[:2], head[3]), without_default)}",
        )
    )


def _fields(schema: Mapping[str, Any], place: str = "") -> Iterator[tuple[str, str, str, str]]:
    required = schema.get("required", ())
    for name, field in schema.get("properties", {}).items():
        path = f"{place}{name}"
        default = "required" if name in required else f"`{json.dumps(field['default'])}`" if "default" in field else ""
        yield f"`{path}`", _type(field), default, " ".join(str(field.get("description", "")).split())
        if name != CONDITION_OPERATORS:
            yield from _fields(field, f"{path}.")
            yield from _fields(field.get("items", {}), f"{path}[].")


def _type(field: Mapping[str, Any]) -> str:
    if values := field.get("enum"):
        return " or ".join(f"`{value}`" for value in values)
    if field.get("type") == "array":
        return f"list of {_type(field['items'])}"
    if field.get("x-kubernetes-int-or-string"):
        return "integer or string"
    if isinstance(field.get("additionalProperties"), Mapping):
        return "map of strings"
    return str(field.get("type", "string or list"))


def reasons() -> str:
    """One heading per reason, with its meaning and what to do."""
    words = _reasons()["reasons"]
    return "\n\n".join(_reason(str(reason), words[reason]) for reason in Reason)


def _reason(name: str, words: Mapping[str, str]) -> str:
    return f"### {name}\n\n{words['means']}" + (f" **What to do**: {words['do']}" if "do" in words else "")


def events() -> str:
    """The reasons of events."""
    words = _reasons()["events"]
    return table(("event", "the operator"), ((f"`{reason}`", words[reason]) for reason in EventReason))


def _reasons() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "operator/ram_operator/data/reasons.yaml").read_text())
    return found


def settings() -> str:
    """The operator's environment variables."""
    rows = ((f"`{name}`", f"`{default}`" if default else "", what) for name, default, what in variables())
    return table(("variable", "default", "what"), rows)


def exported_metrics() -> str:
    """The operator's own metrics, as Prometheus names them."""
    rows = []
    for value in vars(metrics).values():
        if isinstance(value, MetricWrapperBase):
            family = next(iter(value.describe()))
            name = f"{family.name}_total" if family.type == "counter" else family.name
            labels = ", ".join(f"`{label}`" for label in value._labelnames)
            rows.append((f"`{name}`", family.type, labels, family.documentation))
    return table(("metric", "type", "labels", "what"), iter(rows))


def values() -> str:
    """The chart's values with their defaults, as values.yaml and its schema have them."""
    schema = json.loads((CHART / "values.schema.json").read_text())
    defaults = yaml.safe_load((CHART / "values.yaml").read_text())
    return table(("value", "default", "what"), _values(schema, defaults))


def _values(schema: Mapping[str, Any], defaults: Mapping[str, Any], place: str = "") -> Iterator[tuple[str, str, str]]:
    for name, child in schema["properties"].items():
        path = f"{place}{name}"
        if "properties" in child:
            yield from _values(child, defaults[name], f"{path}.")
        elif name in defaults:
            default = defaults[name]
            shown = default if isinstance(default, str) and default else json.dumps(default)
            yield f"`{path}`", f"`{shown}`", child["description"]


def fixture() -> str:
    """The simulator's example of a fixture."""
    return f"```yaml\n{example_text()}```"


def testcontainers() -> str:
    """The simulator in a container, for tests in Node; the tests run its calls."""
    path = ROOT / "tests/contract/clients/node/testcontainers.test.js"
    return f"```javascript\n{path.read_text()}```"


def trials_counted() -> str:
    """How many actions of the simulator are how sure."""
    found = _trials()
    evidence = {action: evidence_of(action) for action in found}
    sure = [text for text in evidence.values() if text == "documented"]
    guessed = [text for text in evidence.values() if "guessed" in text]
    reported = [text for text in evidence.values() if "reported" in text]
    codes = {code for results in found.values() for code in results["codes"]}
    obeyed, checked, idle = (
        sum(len(results.get(effect, ())) for results in found.values())
        for effect in ("obeyed", "checked", "without effect")
    )
    return (
        f"{len(found)} actions: {len(sure)} as documented, {len(guessed)} with something guessed, {len(reported)} with "
        f"something reported by users only. {len(codes)} error codes are reached. Of {obeyed + checked + idle} "
        f"parameters {obeyed} change what a call does or answers, {checked} are only checked, {idle} change nothing."
    )


def trials() -> str:
    """What was tried of each action of the simulator, and how sure it is; the results are those of the tests."""
    rows = (
        (
            action,
            "<br>".join(f"`{text}`" for text in results["allowed by"]) or "every caller",
            ", ".join(f"`{code}`" for code in results["codes"]),
            _parameters(results),
            evidence_of(action),
        )
        for action, results in _trials().items()
    )
    head = (
        *("action", "refused without, taken with exactly", "error codes that were reached"),
        *("parameters", "evidence"),
    )
    return table(head, rows)


def _parameters(results: Mapping[str, list[str]]) -> str:
    parts = [f"{len(results['obeyed'])} obeyed"] if results.get("obeyed") else []
    for effect, shown in (("checked", "only checked"), ("without effect", "change nothing")):
        if names := results.get(effect):
            parts.append(f"{shown}: {', '.join(f'`{name}`' for name in names)}")
    return "; ".join(parts)


def _trials() -> dict[str, dict[str, list[str]]]:
    found: dict[str, dict[str, list[str]]] = yaml.safe_load((ROOT / "docs/simulator/trials.yaml").read_text())
    return found


PARTS: Mapping[str, Callable[[], str]] = {
    "api": api,
    "reasons": reasons,
    "events": events,
    "settings": settings,
    "metrics": exported_metrics,
    "values": values,
    "fixture": fixture,
    "actions": lambda: actions_table().markdown(),
    "testcontainers": testcontainers,
    "trials": trials,
    "trials-counted": trials_counted,
    "switches": lambda: switches_table().markdown(),
    "control": lambda: control_table().markdown(),
}


def main() -> int:
    """Write the pages, or only compare them; return 1 if one is out of date and was not to be written."""
    outdated = {page: text for page in pages() if (text := filled(page.read_text())) != page.read_text()}
    if "--check" in sys.argv[1:]:
        for page in outdated:
            print(f"{page.relative_to(ROOT)} is not what its sources say: run `make generate`", file=sys.stderr)
        return 1 if outdated else 0
    for page, text in outdated.items():
        page.write_text(text)
        print(f"wrote {page.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
