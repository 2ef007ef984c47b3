"""What the real API server takes and refuses, rule by rule, from two sorts of client.

The plain client does not ask for field validation, as kopf, Argo CD or a controller would not; kubectl does.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
import yaml
from kubernetes import client, config
from tests.chart.conftest import ROOT
from tests.cluster.admission import CASES, Case
from tests.cluster.admission.bindings import DEFAULTS as BINDING_DEFAULTS
from tests.cluster.admission.case import PLURALS, binding, policy, statement
from tests.cluster.admission.doubts import DOUBTS
from tests.cluster.admission.policies import DEFAULTS as POLICY_DEFAULTS
from tests.cluster.admission.roles import DEFAULTS as ROLE_DEFAULTS
from tests.conftest import RunningControlPlane

GROUP, VERSION = "ram.alicloud.dev", "v1alpha1"
TAKEN = [case for case in CASES if case.refusal is None]
REFUSED = [case for case in CASES if case.refusal is not None]

Create = Callable[[Case], dict[str, Any]]


@pytest.fixture(scope="session")
def objects_api(installed: RunningControlPlane) -> Iterator[client.CustomObjectsApi]:
    """Return the official client's API for custom resources, as an administrator, over one kept connection."""
    with config.new_client_from_config(str(installed.kubeconfig)) as api:  # type: ignore[no-untyped-call]
        yield client.CustomObjectsApi(api)


@pytest.fixture(scope="session")
def create(objects_api: client.CustomObjectsApi) -> Create:
    """Return a function that has an object checked, without storing it, and returns it as it would be stored."""

    def run(case: Case) -> dict[str, Any]:
        plural = PLURALS[case.kind]
        answer = objects_api.create_cluster_custom_object(
            GROUP, VERSION, plural, case.body(), dry_run="All", field_validation="Ignore"
        )
        return cast(dict[str, Any], answer)

    return run


@pytest.mark.parametrize("case", TAKEN, ids=lambda case: case.title)
def test_a_plain_client_may_create(case: Case, create: Create) -> None:
    answer = create(case)
    assert covers(answer.get("spec", {}), case.spec or {})


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.title)
def test_a_plain_client_may_not_create(case: Case, create: Create) -> None:
    with pytest.raises(client.ApiException) as refusal:
        create(case)
    assert refusal.value.status == 422
    assert str(case.refusal) in json.loads(str(refusal.value.body))["message"]


def test_kubectl_takes_what_is_right(installed: RunningControlPlane) -> None:
    done = installed.kubectl("create", "--dry-run=server", "-f", "-", input=stream(TAKEN))
    assert done.returncode == 0
    assert all(line.startswith("Warning: ") for line in done.stderr.splitlines()), done.stderr
    assert done.stdout.count("created") == len(TAKEN)


def test_kubectl_shows_the_reason_of_each_refusal(installed: RunningControlPlane) -> None:
    done = installed.kubectl("create", "--dry-run=server", "-f", "-", input=stream(REFUSED))
    assert done.returncode != 0
    assert done.stdout == ""
    assert [case.title for case in REFUSED if (case.strict or str(case.refusal)) not in done.stderr] == []
    assert len({case.body()["metadata"]["name"] for case in REFUSED}) == len(REFUSED)


@pytest.mark.parametrize(
    ("kind", "spec", "defaults"),
    [
        ("RamPolicy", policy(), POLICY_DEFAULTS),
        ("RamRole", None, ROLE_DEFAULTS),
        ("RamRole", {}, ROLE_DEFAULTS),
        ("InstanceRoleBinding", binding(), BINDING_DEFAULTS),
    ],
)
def test_what_is_left_out_gets_its_default_and_nothing_else(
    kind: str, spec: dict[str, Any] | None, defaults: dict[str, Any], create: Create
) -> None:
    answer = create(Case("defaults", kind, spec))["spec"]
    written = json.loads(json.dumps(spec or {}))
    if "document" in written:
        written["document"]["Version"] = "1"
    assert answer == {**written, **defaults}


def test_a_trust_document_gets_no_services_by_default(create: Create) -> None:
    document = {
        "Version": "1",
        "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"RAM": "*"}}],
    }
    assert create(Case("trust", "RamRole", {"trust": {"document": document}}))["spec"]["trust"] == {
        "document": document
    }


def test_a_key_in_lower_case_is_refused_and_not_dropped_for_a_client_that_asks_for_no_validation(
    create: Create,
) -> None:
    document = {"Statement": [statement(condition={"IpAddress": {"acs:SourceIp": "203.0.113.0/24"}})]}
    with pytest.raises(client.ApiException) as refusal:
        create(Case("lower case", "RamPolicy", policy(document=document)))
    assert '\\"condition\\"' in str(refusal.value.body)


def test_condition_keys_of_any_product_are_kept(create: Create) -> None:
    condition = {"StringEquals": {"oss:Prefix": ["a"], "acs:ResourceTag/My Team": "b"}}
    answer = create(Case("kept", "RamPolicy", policy(document={"Statement": [statement(Condition=condition)]})))
    assert answer["spec"]["document"]["Statement"][0]["Condition"] == condition


def test_kubectl_warns_of_what_is_probably_not_meant_and_stores_it(installed: RunningControlPlane) -> None:
    for doubt in DOUBTS:
        done = installed.kubectl("create", "--dry-run=server", "-f", "-", input=json.dumps(doubt.case.body()))
        assert done.returncode == 0, done.stderr
        assert done.stderr.count("Warning: ") == (doubt.warning is not None), (doubt.case.title, done.stderr)
        assert (doubt.warning or "") in done.stderr, (doubt.case.title, done.stderr)


def test_kubectl_refuses_a_misspelt_field_outside_the_documents(installed: RunningControlPlane) -> None:
    text = json.dumps(Case("misspelt", "RamRole", {"polices": []}).body())
    done = installed.kubectl("create", "--dry-run=server", "-f", "-", input=text)
    assert 'unknown field "spec.polices"' in done.stderr


def test_the_samples_are_taken_in_any_order(installed: RunningControlPlane) -> None:
    paths = sorted((ROOT / "deploy/samples").glob("*.yaml"))
    assert len(paths) == 3
    for order in (paths, paths[::-1]):
        options = [part for path in order for part in ("-f", str(path))]
        assert installed.kubectl("apply", "--dry-run=server", *options).returncode == 0


def test_the_documents_of_the_pages_can_be_pasted_as_json(create: Create) -> None:
    pasted = yaml.safe_load(
        '{"Statement": [{"Action": ["oss:Get*", "oss:List*"], "Effect": "Allow", "Resource": "*"}], "Version": "1"}'
    )
    assert create(Case("pasted", "RamPolicy", policy(document=pasted)))["spec"]["document"] == pasted


@pytest.mark.parametrize(
    "field",
    [
        "rampolicy.spec.document.Statement.Condition.IpAddress",
        "ramrole.spec.trust.document.Statement.Principal.Service",
        "irb.spec.rollout.maxUnavailable",
        "irb.status.instances.state",
    ],
)
def test_kubectl_explains_the_deepest_fields(field: str, installed: RunningControlPlane) -> None:
    done = installed.kubectl("explain", field)
    assert "<empty>" not in done.stdout
    assert len(done.stdout.split("DESCRIPTION:")[1].split()) > 3


def stream(cases: list[Case]) -> str:
    """The objects as one stream of documents; one that starts with a brace is no YAML to older kubectl."""
    return "".join(f"---\n{json.dumps(case.body())}\n" for case in cases)


def covers(answer: Any, sent: Any) -> bool:
    """Whether everything that was sent came back; defaults may have been added."""
    if isinstance(sent, dict):
        return isinstance(answer, dict) and all(covers(answer.get(key), value) for key, value in sent.items())
    if isinstance(sent, list):
        return isinstance(answer, list) and len(answer) == len(sent) and all(map(covers, answer, sent))
    return bool(answer == sent)
