"""Monitoring: alerts and dashboard ask for what the operator exports, in words that Prometheus and Grafana know."""

import copy
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from docs.generate import exported_metrics
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard
from prometheus_client.parser import text_string_to_metric_families
from tests.chart.conftest import CHART, ROOT, Render, with_values

from ram_operator.model import Disposition, Reason, disposition

MONITORING = ("prometheusRule.enabled=true", "grafanaDashboard.enabled=true", "serviceMonitor.enabled=true")
EXPORTED = set(re.findall(r"`(ram_operator_\w+)`", exported_metrics()))
LABELS = {"job", "le", "pod", *re.findall(r"`(\w+)`", exported_metrics())}


DASHBOARD = json.loads((CHART / "files/dashboard.json").read_text())
# Prints what the operator exports once it has used every metric, with x for each label.
EXPOSE = """
from prometheus_client import generate_latest
from prometheus_client.metrics import MetricWrapperBase
from ram_operator import metrics
for one in vars(metrics).values():
    if isinstance(one, MetricWrapperBase) and one._labelnames:
        one.labels(*("x" for _ in one._labelnames))
print(generate_latest().decode())
"""


def panels(render: Render) -> list[str]:
    """Every PromQL expression of the dashboard."""
    rendered = with_values(render, *MONITORING)["ConfigMap", "ram-operator-dashboard"]
    shown = json.loads(rendered["data"]["ram-operator.json"])["panels"]
    return [target["expr"] for panel in shown for target in panel["targets"]]


def expressions(render: Render) -> list[str]:
    """Every PromQL expression of the alerts and of the dashboard."""
    rules = with_values(render, *MONITORING)["PrometheusRule", "ram-operator"]["spec"]["groups"][0]["rules"]
    return [*(rule["expr"] for rule in rules), *panels(render)]


def series_of_the_operator() -> list[dict[str, str]]:
    """Every series that the operator exports, as promtool plays them: each grows by one a minute for an hour."""
    done = subprocess.run([sys.executable, "-c", EXPOSE], capture_output=True, text=True, timeout=60, check=True)
    scraped = {"job": "ram-operator-metrics", "pod": "a"}
    return [
        {"series": f"{sample.name}{{{labels_of(sample.labels | scraped)}}}", "values": "0+1x60"}
        for family in text_string_to_metric_families(done.stdout)
        for sample in family.samples
    ]


def labels_of(labels: dict[str, str]) -> str:
    """Labels as PromQL writes them."""
    return ", ".join(f"{name}={json.dumps(value)}" for name, value in labels.items())


@pytest.fixture(scope="session")
def promtool() -> str:
    """Return promtool, which comes with Prometheus; without it only these tests are skipped."""
    found = shutil.which("promtool")
    if not found:
        pytest.skip("promtool is needed: it comes with Prometheus")
    return found


def unknown(written: Any, kept: Any, place: str = "") -> Iterator[str]:
    """The places of what is in `written` and not in `kept`."""
    if isinstance(written, dict) and isinstance(kept, dict):
        for name, value in written.items():
            path = f"{place}.{name}"
            yield from unknown(value, kept[name], path) if name in kept else [path]
    elif isinstance(written, list) and isinstance(kept, list) and len(written) == len(kept):
        for number, pair in enumerate(zip(written, kept, strict=True)):
            yield from unknown(*pair, f"{place}[{number}]")
    elif written != kept:
        yield place


def unknown_to_grafana(dashboard: dict[str, Any]) -> list[str]:
    """The places that are lost when Grafana's own types read a dashboard and write it again."""
    register_default_plugins()
    read = Dashboard.from_json(copy.deepcopy(dashboard))
    return list(unknown(dashboard, json.loads(JSONEncoder().encode(read))))


def test_grafana_knows_every_field_of_the_dashboard() -> None:
    assert unknown_to_grafana(DASHBOARD) == []


def test_a_field_that_grafana_does_not_have_is_found_wherever_it_is() -> None:
    wrong = copy.deepcopy(DASHBOARD)
    panel = wrong["panels"][3]
    for part in (wrong, panel, panel["targets"][0], panel["fieldConfig"]["defaults"], wrong["templating"]["list"][0]):
        part["extra"] = "x"
    assert len(unknown_to_grafana(wrong)) == 5


def test_every_panel_shows_something_of_what_the_operator_exports(
    render: Render, promtool: str, tmp_path: Path
) -> None:
    asked = [
        {
            "eval_time": "60m",
            "expr": f"count({text.replace('$job', '.*')}) >= bool 1",
            "exp_samples": [{"labels": "{}", "value": 1}],
        }
        for text in panels(render)
    ]
    test = {"interval": "1m", "input_series": series_of_the_operator(), "promql_expr_test": asked}
    path = tmp_path / "panels.test.yaml"
    path.write_text(json.dumps({"rule_files": [], "tests": [test]}))
    done = subprocess.run(
        [promtool, "test", "rules", str(path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_alerts_and_dashboard_ask_for_metrics_and_labels_that_exist(render: Render) -> None:
    for expression in expressions(render):
        named = set(re.findall(r"ram_operator_\w+", expression))
        assert {re.sub(r"_seconds_bucket$", "_seconds", name) for name in named} <= EXPORTED, expression
        matched = set(re.findall(r"[{,] ?(\w+)[=!]~?\"", expression))
        grouped = {label for group in re.findall(r"by \(([\w, ]+)\)", expression) for label in group.split(", ")}
        assert matched | grouped <= LABELS, expression


def test_every_alert_fires_and_resolves(render: Render, promtool: str, tmp_path: Path) -> None:
    rules = with_values(render, *MONITORING)["PrometheusRule", "ram-operator"]["spec"]
    (tmp_path / "alerts.yaml").write_text(json.dumps(rules))
    played = shutil.copy(Path(__file__).parent / "alerts.test.yaml", tmp_path)
    done = subprocess.run([promtool, "test", "rules", played], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    tested = set(re.findall(r"alertname: (\w+)", Path(played).read_text()))
    assert tested == {rule["alert"] for rule in rules["groups"][0]["rules"]}


def test_prometheus_understands_every_expression(render: Render, promtool: str, tmp_path: Path) -> None:
    asked = [text.replace("$job", ".*") for text in expressions(render)]
    rules = [{"record": f"r{number}", "expr": text} for number, text in enumerate(asked)]
    path = tmp_path / "rules.yaml"
    path.write_text(json.dumps({"groups": [{"name": "all", "rules": rules}]}))
    done = subprocess.run(
        [promtool, "check", "rules", str(path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_metric_is_on_the_dashboard_or_in_an_alert(render: Render) -> None:
    asked = " ".join(expressions(render))
    assert [name for name in EXPORTED if name not in asked] == []


def test_each_alert_has_a_runbook_that_is_written(render: Render) -> None:
    rules = with_values(render, *MONITORING)["PrometheusRule", "ram-operator"]["spec"]["groups"][0]["rules"]
    assert rules
    for rule in rules:
        page, _, anchor = rule["annotations"]["runbook"].partition("#")
        assert anchor == rule["alert"].lower()
        assert f"### {rule['alert']}\n" in (ROOT / page).read_text()


def test_the_alert_about_stalled_objects_passes_over_the_reasons_that_need_nobody(render: Render) -> None:
    (passed_over,) = re.findall(r'reason!~"([^"]*)"', " ".join(expressions(render)))
    nobody = {str(reason) for reason in Reason if disposition(reason) is not Disposition.STALLED}
    controller = (ROOT / "operator/ram_operator/engine/controller.py").read_text()
    besides = set(re.findall(r'RECONCILES\.labels\(item\.key\.kind, "(\w+)"\)', controller))
    assert set(passed_over.split("|")) == nobody | besides


def test_monitoring_is_installed_only_where_it_is_asked_for(render: Render) -> None:
    kinds = {kind for kind, _ in render()}
    assert not kinds & {"ServiceMonitor", "PrometheusRule", "ConfigMap"}
    rendered = with_values(render, *MONITORING, "prometheusRule.labels.release=prometheus")
    assert rendered["PrometheusRule", "ram-operator"]["metadata"]["labels"]["release"] == "prometheus"
    assert rendered["ConfigMap", "ram-operator-dashboard"]["metadata"]["labels"]["grafana_dashboard"] == "1"
