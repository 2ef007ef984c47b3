"""Changes of stored objects: names that never change, rules that became stricter, and who may give a role to nodes."""

import json
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.cluster.actors import Actor
from tests.cluster.admission.case import PLURALS, Case, Spec, binding, policy, statement, trust_statement
from tests.cluster.apiserver import GROUP
from tests.conftest import RunningControlPlane

FINALIZER = "tests.ram.alicloud.dev/hold"
OPERATOR = "system:serviceaccount:ram-operator:ram-operator"
TIGHTENED = "object.metadata.name != 'tightened'"

Store = Callable[[Case], str]
Patch = Callable[..., Any]
Report = Callable[[str, Spec], str]


@pytest.fixture
def store(installed: RunningControlPlane) -> Iterator[Store]:
    """Return a function that stores an object, gives its reference for kubectl, and removes it after the test."""
    stored: list[str] = []

    def run(case: Case) -> str:
        done = installed.kubectl("create", "-f", "-", input=json.dumps(case.body()))
        assert done.returncode == 0, done.stderr
        stored.append(f"{PLURALS[case.kind]}/{case.body()['metadata']['name']}")
        return stored[-1]

    yield run
    for reference in stored:
        installed.kubectl("patch", reference, "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
        installed.kubectl("delete", reference, "--ignore-not-found", "--wait=false")


@pytest.fixture
def patch(installed: RunningControlPlane) -> Patch:
    """Return a function that merges a patch into an object and returns what kubectl said."""

    def run(reference: str, change: Spec, *options: str) -> Any:
        return installed.kubectl("patch", reference, "--type=merge", "-p", json.dumps(change), *options)

    return run


@pytest.fixture
def report(installed: RunningControlPlane) -> Report:
    """Return a function that writes a status as the operator does and returns what the API server has against it."""
    operator = Actor(installed.kubeconfig, OPERATOR)
    return lambda reference, status: operator.ask("PATCH", f"{GROUP}/{reference}/status", {"status": status})


UNSET, ONE, OTHER = None, "one", "other"
NAMES: tuple[tuple[str, str, Spec], ...] = (
    ("RamPolicy", "policyName", policy()),
    ("RamRole", "roleName", {}),
)
RENAMES = ((ONE, OTHER), (ONE, UNSET), (UNSET, ONE))


@pytest.mark.parametrize(("kind", "field", "spec"), NAMES)
@pytest.mark.parametrize(("before", "after"), RENAMES)
def test_a_name_in_ram_never_changes(
    kind: str, field: str, spec: Spec, before: str | None, after: str | None, store: Store, patch: Patch
) -> None:
    given = spec if before is UNSET else {**spec, field: before}
    reference = store(Case("renamed", kind, given))
    done = patch(reference, {"spec": {field: after}})
    assert done.returncode != 0
    assert f"{field} is immutable, also adding and removing it; create a new {kind}" in done.stderr


@pytest.mark.parametrize(("kind", "field", "spec"), NAMES)
def test_everything_but_the_name_may_change(kind: str, field: str, spec: Spec, store: Store, patch: Patch) -> None:
    reference = store(Case("changed", kind, {**spec, field: ONE}))
    change = {"description": "new", "tags": {"a": "b"}, "deletionPolicy": "Retain"}
    assert patch(reference, {"spec": {**change, field: ONE}}).returncode == 0


def test_a_role_keeps_its_unset_name_when_its_spec_comes_and_goes(store: Store, patch: Patch) -> None:
    reference = store(Case("no-spec", "RamRole", None))
    assert patch(reference, {"spec": {"description": "new"}}).returncode == 0
    assert patch(reference, {"spec": None}).returncode == 0


@pytest.mark.parametrize(
    ("options", "beside"), [(["--server-side"], {}), (["--server-side"], {"services": None}), ([], {"services": None})]
)
def test_a_role_goes_from_the_default_trust_to_a_document(
    options: list[str], beside: Spec, installed: RunningControlPlane
) -> None:
    def apply(spec: Spec) -> subprocess.CompletedProcess[str]:
        text = json.dumps(Case("trusting", "RamRole", spec).body())
        return installed.kubectl("apply", *options, "-f", "-", input=text)

    assert apply({}).returncode == 0
    document = {"Statement": [trust_statement(Principal={"RAM": "acs:ram::1:root"})]}
    done = apply({"trust": {**beside, "document": document}})
    stored = json.loads(installed.kubectl("get", "ramroles/trusting", "-o", "json").stdout)
    installed.kubectl("delete", "ramroles/trusting")
    assert (done.returncode, done.stderr) == (0, "")
    assert {key for key, value in stored["spec"]["trust"].items() if value is not None} == {"document"}


GUARDED = statement(Condition={"IpAddress": {"acs:SourceIp": "192.0.2.0/24"}})
ACCOUNT = trust_statement(Principal={"RAM": "acs:ram::1:root"})
EMPTIED: tuple[tuple[str, Spec, Spec, str], ...] = (
    (
        "RamPolicy",
        policy(document={"Statement": [GUARDED]}, description="{"),
        policy(document={"Statement": [{**GUARDED, "Condition": None}]}),
        'after "Condition" in or beside document',
    ),
    (
        "RamPolicy",
        policy(document={"Statement": [GUARDED]}),
        policy(document={"Statement": [{**GUARDED, "Condition": {**GUARDED["Condition"], "Bool": None}}]}),
        'after "Bool" in or beside document',
    ),
    (
        "RamRole",
        {"trust": {"document": {"Statement": [{**ACCOUNT, "Condition": GUARDED["Condition"]}]}}},
        {"trust": {"document": {"Statement": [{**ACCOUNT, "Condition": None}]}}},
        'after "Condition" in or beside document',
    ),
    (
        "InstanceRoleBinding",
        binding(nodeSelector={"matchLabels": {"pool": "a", "zone": "b"}}),
        binding(nodeSelector={"matchLabels": {"pool": "a", "zone": None}}),
        'after "zone" in or beside nodeSelector',
    ),
)


@pytest.mark.parametrize(("kind", "before", "after", "refusal"), EMPTIED)
def test_what_is_written_as_nothing_does_not_disappear_in_silence(
    kind: str, before: Spec, after: Spec, refusal: str, installed: RunningControlPlane, store: Store
) -> None:
    def apply(spec: Spec) -> subprocess.CompletedProcess[str]:
        return installed.kubectl("apply", "-f", "-", input=json.dumps(Case("emptied", kind, spec).body()))

    created = apply(after)
    assert created.returncode != 0
    reference = store(Case("emptied", kind, before))
    assert apply(before).returncode == 0
    kept = installed.kubectl("get", reference, "-o", "jsonpath={.spec}").stdout
    updated = apply(after)
    assert refusal in updated.stderr
    assert installed.kubectl("get", reference, "-o", "jsonpath={.spec}").stdout == kept


def test_what_stands_beside_a_document_may_be_reset_with_nothing(installed: RunningControlPlane, store: Store) -> None:
    store(Case("reset", "RamPolicy", policy(description='"document":{', tags={"a": "b"})))
    body = Case("reset", "RamPolicy", policy(description=None, tags=None, managementPolicy=None)).body()
    done = installed.kubectl("apply", "-f", "-", input=json.dumps({**body, "status": None}))
    assert done.returncode == 0, done.stderr


def test_a_binding_may_go_to_another_role(store: Store, patch: Patch) -> None:
    reference = store(Case("moved", "InstanceRoleBinding", binding()))
    assert patch(reference, {"spec": {"roleRef": {"name": "other"}}}).returncode == 0


@pytest.mark.parametrize(("kind", "spec"), [("RamPolicy", policy()), ("RamRole", {})])
def test_what_deletion_leaves_may_still_be_changed_while_the_object_is_deleted(
    kind: str, spec: Spec, installed: RunningControlPlane, store: Store, patch: Patch
) -> None:
    reference = store(Case("leaving", kind, spec))
    patch(reference, {"metadata": {"finalizers": [FINALIZER]}})
    installed.kubectl("delete", reference, "--wait=false")
    assert patch(reference, {"spec": {"deletionPolicy": "Retain"}}).returncode == 0


def test_a_list_of_rows_is_replaced_whole_and_limited(store: Store, report: Report) -> None:
    reference = store(Case("rows", "InstanceRoleBinding", binding()))
    row = {"instance": "cn-hangzhou.i-1", "node": "n", "state": "Attached", "origin": "Attached", "confirmed": True}
    status = {"instances": [row] * 1000, "summary": {"selected": 1000, "ready": "1000/1000"}}
    assert report(reference, status) == ""
    assert "at most 1000 items" in report(reference, {"instances": [row] * 1001})
    assert "supported values" in report(reference, {"instances": [{**row, "state": "Lost"}]})


def test_a_status_is_not_written_with_the_object(installed: RunningControlPlane, store: Store, patch: Patch) -> None:
    reference = store(Case("split", "RamRole", {}))
    patch(reference, {"status": {"roleName": "forged"}, "spec": {"description": "new"}})
    stored = json.loads(installed.kubectl("get", reference, "-o", "json").stdout)
    assert "status" not in stored
    assert stored["spec"]["description"] == "new"


CONDITION = {
    "type": "Ready",
    "status": "False",
    "reason": "NotOwned",
    "message": "somebody else's",
    "lastTransitionTime": "2030-01-01T00:00:00Z",
}
SUMMARY = {"ready": "8/12", "conflict": 2, "failed": 1, "skipped": 0}
COLUMNS: tuple[tuple[str, Spec, Spec, str, str], ...] = (
    ("RamPolicy", policy(), {"policyName": "p", "defaultVersion": "v3"}, "POLICY p VERSION v3", ""),
    (
        "RamRole",
        {},
        {"roleName": "r", "policySummary": "1/2", "trustedPrincipals": ["fc.aliyuncs.com"]},
        "ROLE r POLICIES 1/2",
        'TRUSTS ["fc.aliyuncs.com"]',
    ),
    (
        "InstanceRoleBinding",
        binding(),
        {"roleName": "r", "summary": SUMMARY},
        "ROLE r NODES 8/12",
        "CONFLICT 2 FAILED 1 SKIPPED 0",
    ),
)


@pytest.mark.parametrize(("kind", "spec", "status", "shown", "more"), COLUMNS)
def test_kubectl_get_shows_what_it_is_why_it_is_not_ready_and_on_request_what_to_do(
    kind: str,
    spec: Spec,
    status: Spec,
    shown: str,
    more: str,
    store: Store,
    report: Report,
    installed: RunningControlPlane,
) -> None:
    reference = store(Case("shown", kind, spec))
    assert report(reference, {**status, "conditions": [CONDITION]}) == ""
    headings, row = installed.kubectl("get", reference).stdout.splitlines()
    parts = shown.split()
    assert headings.split() == ["NAME", "READY", *parts[::2], "REASON", "AGE"]
    assert row.split()[:-1] == ["shown", "False", *parts[1::2], "NotOwned"]
    wide = installed.kubectl("get", reference, "-o", "wide").stdout.splitlines()
    assert wide[0].split()[len(headings.split()) :] == [*more.split()[::2], "MESSAGE"]
    assert wide[1].split()[len(row.split()) :] == [*more.split()[1::2], "somebody", "else's"]
    assert f"{reference.split('/')[0]}" in installed.kubectl("api-resources", "--categories=ram", "-o", "name").stdout


@pytest.fixture
def tighten(installed: RunningControlPlane, eventually: Callable[..., Any]) -> Iterator[Callable[[], None]]:
    """Return a function that adds a rule to the admission policy which the stored RamPolicy ``tightened`` breaks."""
    policy_name = "validatingadmissionpolicies/documents.ram.alicloud.dev"
    added: list[int] = []

    def change(operation: Spec) -> None:
        done = installed.kubectl("patch", policy_name, "--type=json", "-p", json.dumps([operation]))
        assert done.returncode == 0, done.stderr

    def run() -> None:
        rule = {"expression": TIGHTENED, "message": "tightened"}
        stored = json.loads(installed.kubectl("get", policy_name, "-o", "json").stdout)
        added.append(len(stored["spec"]["validations"]))
        change({"op": "add", "path": "/spec/validations/-", "value": rule})
        probe = (
            "patch",
            "rampolicies/tightened",
            "--dry-run=server",
            "--type=merge",
            "-p",
            json.dumps({"spec": policy(document={"Statement": [statement(Action="oss:List*")]})}),
        )
        eventually(lambda: "denied request: tightened" in installed.kubectl(*probe).stderr)

    yield run
    for index in added:
        change({"op": "remove", "path": f"/spec/validations/{index}"})


def test_an_object_that_breaks_a_new_rule_can_still_lose_its_finalizer(
    installed: RunningControlPlane, store: Store, patch: Patch, report: Report, tighten: Callable[[], None]
) -> None:
    reference = store(Case("tightened", "RamPolicy", policy()))
    assert patch(reference, {"metadata": {"finalizers": [FINALIZER]}}).returncode == 0
    tighten()
    changed = {"spec": {"document": {"Statement": [statement(Action="oss:Put*")]}}}
    assert "tightened" in patch(reference, changed).stderr
    assert patch(reference, {"spec": {"description": "new"}}).returncode == 0
    assert patch(reference, {"metadata": {"annotations": {"a": "b"}}}).returncode == 0
    assert report(reference, {"policyName": "p"}) == ""
    installed.kubectl("delete", reference, "--wait=false")
    assert "tightened" in patch(reference, changed).stderr
    assert patch(reference, {"spec": {"deletionPolicy": "Retain"}}).returncode == 0
    assert patch(reference, {"metadata": {"finalizers": None}}).returncode == 0
    assert "NotFound" in installed.kubectl("get", reference).stderr


@pytest.fixture(scope="module")
def author(installed: RunningControlPlane, eventually: Callable[..., Any]) -> Iterator[str]:
    """Make a person who has the chart's edit role and may use one RamRole, and return their name."""
    rule = {"apiGroups": ["ram.alicloud.dev"], "resources": ["ramroles"], "resourceNames": ["mine"], "verbs": ["use"]}
    metadata = {"name": "use-mine"}
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": metadata, "rules": [rule]}
    assert installed.kubectl("create", "-f", "-", input=json.dumps(role)).returncode == 0
    roles = ("use-mine", "ram-operator-edit", "ram-operator-view")
    for name in roles:
        installed.kubectl("create", "clusterrolebinding", f"alice-{name}", f"--clusterrole={name}", "--user=alice")
    questions = ("use", "ramroles/mine"), ("create", "instancerolebindings"), ("get", "rampolicies")
    for question in questions:
        eventually(
            lambda question=question: installed.kubectl("auth", "can-i", *question, "--as=alice").stdout == "yes\n"
        )
    yield "alice"
    installed.kubectl("delete", "clusterrolebinding", *(f"alice-{name}" for name in roles))
    installed.kubectl("delete", "clusterrole", "use-mine")


def test_a_binding_takes_the_verb_use_on_its_role(author: str, installed: RunningControlPlane) -> None:
    command = ("create", "--dry-run=server", "--as", author, "-f", "-")
    mine = Case("mine", "InstanceRoleBinding", binding(roleRef={"name": "mine"}))
    assert installed.kubectl(*command, input=json.dumps(mine.body())).returncode == 0
    other = Case("other", "InstanceRoleBinding", binding(roleRef={"name": "other"}))
    done = installed.kubectl(*command, input=json.dumps(other.body()))
    assert "(Forbidden)" in done.stderr
    assert "spec.roleRef: alice may not use RamRole other; ask for a ClusterRole with" in done.stderr


TAKES: list[tuple[dict[str, Any], str]] = [
    ({"conflictPolicy": "Replace"}, "spec.conflictPolicy: alice may not replace other roles by RamRole mine"),
    ({"allowProtectedRoles": True}, "spec.allowProtectedRoles: alice may not replace protected roles by RamRole mine"),
    ({"instances": ["cn-hangzhou.i-bp1abcdefgh"]}, "spec.instances: alice may not give roles to instances"),
    ({"roleRef": None, "roleName": "Existing"}, "spec.roleName: alice may not use role Existing"),
]


@pytest.mark.parametrize(("fields", "refusal"), TAKES, ids=[next(reversed(fields)) for fields, _ in TAKES])
def test_who_may_use_a_role_may_not_replace_others_nor_give_it_to_what_is_no_node(
    author: str, installed: RunningControlPlane, fields: dict[str, Any], refusal: str
) -> None:
    given = {key: value for key, value in ({"roleRef": {"name": "mine"}} | fields).items() if value is not None}
    spec = {key: value for key, value in binding(**given).items() if key != "roleRef" or key in given}
    case = Case("mine", "InstanceRoleBinding", spec)
    command = ("create", "--dry-run=server", "--as", author, "-f", "-")
    done = installed.kubectl(*command, input=json.dumps(case.body()))
    assert "(Forbidden)" in done.stderr
    assert refusal in done.stderr


def test_the_verb_use_is_asked_for_when_the_spec_changes_and_only_then(
    author: str, installed: RunningControlPlane, store: Store, patch: Patch
) -> None:
    reference = store(Case("theirs", "InstanceRoleBinding", binding(roleRef={"name": "other"})))
    assert patch(reference, {"metadata": {"labels": {"a": "b"}}}, "--as", author).returncode == 0
    refused = patch(reference, {"spec": {"nodeNames": ["n"]}}, "--as", author)
    assert "alice may not use RamRole other" in refused.stderr
    assert patch(reference, {"spec": {"roleRef": {"name": "mine"}}}, "--as", author).returncode == 0


def test_who_edits_may_write_no_role_and_no_policy(author: str, installed: RunningControlPlane) -> None:
    for case in (Case("role", "RamRole", {}), Case("policy", "RamPolicy", policy())):
        done = installed.kubectl("create", "--dry-run=server", "--as", author, "-f", "-", input=json.dumps(case.body()))
        assert "cannot create resource" in done.stderr
    for resource in PLURALS.values():
        question = ("auth", "can-i", "patch", f"{resource}/any", "--subresource=status", "--as", author)
        assert installed.kubectl(*question).stdout == "no\n"
