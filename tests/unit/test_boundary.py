"""The boundary: what may be granted at most, judged by what the simulated cloud then grants."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.builders import custom, system

from ram_operator.cloud import Grantee, GranteeKind
from ram_operator.errors import StartupError
from ram_operator.grantable import DENIED_ACTIONS
from ram_operator.model import Granted
from ram_operator.rules.boundary import Boundary
from ram_operator.rules.documents.checking import MOST_READ
from ram_operator.rules.patterns import matches, overlap, within
from ram_operator.settings import from_environment
from ram_simulator.policies import TOLERANT, DocumentKind, MalformedDocument, parse_document
from ram_simulator.policies.engine import AccessRequest, Verdict, evaluate

DEFAULT = Boundary()
OIDC = "acs:ram::1234567890123456:oidc-provider/cluster"


def document(effect: str = "Allow", **statement: Any) -> str:
    return json.dumps({"Version": "1", "Statement": [{"Effect": effect, "Resource": "*", **statement}]})


def trust(effect: str = "Allow", **statement: Any) -> str:
    return json.dumps({"Version": "1", "Statement": [{"Effect": effect, "Action": "sts:AssumeRole", **statement}]})


BOTH = [{"Effect": effect, "Action": "ram:*", "Resource": "*"} for effect in ("Allow", "Deny")]
DOCUMENTS: list[tuple[str, str, bool]] = [
    ("reading storage", document(Action=["oss:Get*", "oss:List*"]), True),
    ("everything", document(Action="*"), False),
    ("denied as a list", document(Action=["oss:Get*", "RAM:createUser"]), False),
    ("a service by a wildcard", document(Action="r*:CreateUser"), False),
    ("a service by one sign", document(Action="ra?:Get*"), False),
    ("all of a service with denied operations", document(Action="ecs:*"), False),
    ("what begins like a denied operation", document(Action="ecs:Run*"), False),
    ("what ends like one", document(Action="ecs:*Command"), False),
    ("its neighbours", document(Action=["ecs:StartInstance", "ecs:Describe*"]), True),
    ("everything but", document(NotAction="ram:*"), False),
    ("a denial of everything", document("Deny", Action="*"), True),
    ("a denial of everything but", document("Deny", NotAction="oss:*"), True),
    ("an allowance that a denial takes back", json.dumps({"Statement": BOTH}), False),
    ("an effect that nobody knows", document("allow", Action="ram:GetRole"), False),
    ("an action that is no text", document(Action=[{"a": 1}]), False),
    ("one under a condition", document(Action="ram:GetRole", Condition={"Bool": {"acs:MFAPresent": "true"}}), False),
    ("no JSON", "{", False),
    ("a key twice", '{"Statement": [], "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}', False),
    ("a key twice in other case", '{"Statement": [], "statement": [{"Effect": "Allow", "Action": "*"}]}', False),
    ("an action twice in other case", document(Action="oss:Get*", action="*"), False),
    ("a denial that is an allowance in other case", document("Deny", EFFECT="Allow", Action="*"), False),
    ("an allowance of nothing", document(Action=[]), False),
    ("statements that are one", json.dumps({"Statement": {"Effect": "Allow", "Action": "ram:Get*"}}), False),
    ("statements that are none", json.dumps({"Statement": "all"}), False),
    ("more than is read", document(Action=["oss:Get*"] * MOST_READ), False),
]  # fmt: skip


TAKES_OVER = (
    "ecs:AttachKeyPair ecs:ReInitDisk ecs:ModifyInstanceVncPasswd ecs:CreateCommand ecs:ModifyCommand "
    "ecs:CreateInstance ecs:RunInstances ecs:DetachInstanceRamRole ecs:CreateLaunchTemplateVersion "
    "ecs:ModifyLaunchTemplateDefaultVersion ess:* ess:CreateScalingConfiguration fc:* fc:UpdateFunction "
    "eci:ExecContainerCommand servicemesh:InvokeApiServer swas-open:RunCommand cloudsso:* resourcesharing:* "
    "governance:* eiam:* actiontrail:* actiontrail:StopLogging hbr:* cs:DescribeClusterUserKubeconfig adcp:Get*"
)
DOCUMENTS += [(f"what takes over: {action}", document(Action=action), False) for action in TAKES_OVER.split()]
DATA = "oss:* rds:* log:* kms:Decrypt kms:GetSecretValue ecs:Describe* ecs:AttachDisk ess:Describe* fc:InvokeFunction"
DOCUMENTS += [(f"what does not: {action}", document(Action=action), True) for action in DATA.split()]


@pytest.mark.parametrize(("what", "text", "inside"), DOCUMENTS, ids=[what for what, _, _ in DOCUMENTS])
def test_a_document_is_judged_by_all_that_its_patterns_reach(what: str, text: str, inside: bool) -> None:
    assert (not DEFAULT.problems(Granted(text))) is inside, what


CLAIMS = {"oidc:iss": "https://issuer", "oidc:aud": "sts.aliyuncs.com", "oidc:sub": "system:serviceaccount:a:b"}
TRUSTS: list[tuple[str, str, bool]] = [
    ("the service", trust(Principal={"Service": ["ecs.aliyuncs.com"]}), True),
    ("another service", trust(Principal={"Service": "fc.aliyuncs.com"}), False),
    ("the service for another account", trust(Principal={"Service": "1234567890123456@ecs.aliyuncs.com"}), False),
    ("one of several", trust(Principal={"Service": ["ecs.aliyuncs.com", "fc.aliyuncs.com"]}), False),
    ("an account", trust(Principal={"RAM": "acs:ram::1234567890123456:root"}), True),
    ("any account", trust(Principal={"RAM": "acs:ram::*:root"}), False),
    ("everybody", trust(Principal="*"), False),
    ("everybody but", trust(NotPrincipal={"RAM": "acs:ram::1:root"}), False),
    ("nobody said", trust(), False),
    ("somebody else in other case", trust(Principal={"Service": "ecs.aliyuncs.com"}, principal={"RAM": "*"}), False),
    ("another account denied", trust("Deny", Principal={"RAM": "*"}), True),
    ("more than is read", trust(Principal={"Service": ["ecs.aliyuncs.com"] * MOST_READ}), False),
    ("a provider with all claims", trust(Principal={"Federated": OIDC}, Condition={"StringEquals": CLAIMS}), True),
    ("a provider without conditions", trust(Principal={"Federated": OIDC}), False),
    ("a provider with one claim open", trust(
        Principal={"Federated": OIDC}, Condition={"StringLike": {**CLAIMS, "oidc:sub": "*"}}), False),
    ("a provider with a claim missing", trust(
        Principal={"Federated": OIDC}, Condition={"StringEquals": {"oidc:iss": "x", "oidc:aud": "y"}}), False),
    ("a provider with claims denied", trust(
        Principal={"Federated": OIDC}, Condition={"StringNotEquals": CLAIMS}), False),
]  # fmt: skip
TRUSTS += [
    (f"a provider with the subjects {subject}", trust(
        Principal={"Federated": OIDC}, Condition={"StringLike": {**CLAIMS, "oidc:sub": subject}}), inside)
    for subject, inside in [
        ("*:*", False),
        ("s*", False),
        ("*a*", False),
        ("system:serviceaccount:*", False),
        ("system:serviceaccount:ns:*", True),
    ]
]  # fmt: skip
WIDE = Boundary(trust_principals=("ecs.aliyuncs.com", "acs:ram::1234567890123456:root", OIDC))


@pytest.mark.parametrize(("whom", "text", "inside"), TRUSTS, ids=[whom for whom, _, _ in TRUSTS])
def test_a_trust_is_judged_by_everybody_whom_it_lets_in(whom: str, text: str, inside: bool) -> None:
    assert (not WIDE.problems(Granted(trust=text))) is inside, whom


def test_system_policies_are_allowed_by_their_names() -> None:
    for name in ("aliyunOSSreadonlyaccess", "AliyunCSBReadOnlyAccess", "AliyunCSASReadOnlyAccess"):
        assert not DEFAULT.problems(Granted(policy=system(name)))
    for name in ("AdministratorAccess", "AliyunRAMFullAccess", "ReadOnlyAccess"):
        assert DEFAULT.problems(Granted(policy=system(name)))
    # what its documents allow: ram:Get*, cs:Get* (kubeconfigs), servicemesh:InvokeApiServer
    for name in ("AliyunRAMReadOnlyAccess", "AliyunCSReadOnlyAccess", "AliyunASMReadOnlyAccess"):
        assert "denied" in DEFAULT.problems(Granted(policy=system(name)))[0]
    widened = Boundary(system_policies=("Aliyun*",))
    for name in ("AliyunCSFullAccess", "AliyunCSManagedKubernetesRolePolicy", "AliyunCSDefaultRolePolicy"):
        assert "denied" in widened.problems(Granted(policy=system(name)))[0]
    assert not Boundary(denied_system_policies=()).problems(Granted(policy=system("AliyunRAMReadOnlyAccess")))
    assert DEFAULT.problems(Granted(document(Action="ram:*"), policy=custom("p")))


REFUSED = {
    "deniedActions": Granted(document(Action="ram:*")),
    "allowedSystemPolicies": Granted(policy=system("AliyunOSSFullAccess")),
    "deniedSystemPolicies": Granted(policy=system("AliyunRAMReadOnlyAccess")),
    "allowedTrustPrincipals": Granted(trust=trust(Principal={"Service": ["fc.aliyuncs.com"]})),
    "allowedGrantees": Granted(grantee=Grantee(GranteeKind.ROLE, "KubernetesWorkerRole-1")),
}


@pytest.mark.parametrize("setting", REFUSED)
def test_a_refusal_names_the_setting_that_can_allow_it(setting: str) -> None:
    (problem,) = DEFAULT.problems(REFUSED[setting])
    assert f"settings.{setting}" in problem


def test_nobody_is_a_grantee_but_those_allowed() -> None:
    dev, devs = Grantee(GranteeKind.USER, "dev"), Grantee(GranteeKind.GROUP, "dev")
    assert DEFAULT.problems(Granted(grantee=dev))
    assert not Boundary(grantees=("user/d*",)).problems(Granted(grantee=dev))
    assert Boundary(grantees=("user/d*",)).problems(Granted(grantee=devs))


def test_an_exception_is_for_what_lies_wholly_inside_it() -> None:
    allowing = Boundary(allowed_actions=("ram:PassRole", "ecs:*Attribute"))
    assert not allowing.problems(Granted(document(Action=["ram:passrole", "ecs:Modify*Attribute"])))
    assert allowing.problems(Granted(document(Action="ram:Pass*")))
    assert allowing.problems(Granted(document(Action=["ram:PassRole", "ram:CreateUser"])))


SIGNS = st.text("aB:*?", max_size=6)


@given(SIGNS, SIGNS, st.text("ab:", max_size=6))
def test_what_two_patterns_both_stand_for_is_their_overlap_and_never_outside_what_holds_them(
    one: str, other: str, text: str
) -> None:
    if matches(text, one) and matches(text, other):
        assert overlap(one, other)
    if within(one, other) and matches(text, one):
        assert matches(text, other)
    assert overlap(one, other) is overlap(other, one)


@given(st.lists(SIGNS, max_size=4), SIGNS)
def test_an_action_is_outside_where_it_overlaps_with_a_denied_one_of_whatever_service(
    denied: list[str], action: str
) -> None:
    drawn = Boundary(denied_actions=tuple(denied))
    for _ in range(2):
        assert bool(drawn.problems(Granted(document(Action=action)))) is any(overlap(action, one) for one in denied)


actions = st.one_of(
    st.sampled_from(["*", "oss:Get*", "r*", "?am:*", "ecs:Run*", "ecs:*Instances", "c?:*", "oo*", "ims:GetUser", "**"]),
    st.text("ramecso:*?RunCd", min_size=1, max_size=12),
)
effects = st.sampled_from(["Allow", "Allow", "Deny"])
statements = st.builds(
    lambda effect, field, some: {"Effect": effect, field: some, "Resource": "*"},
    effects,
    st.sampled_from(["Action", "Action", "Action", "NotAction"]),
    st.one_of(actions, st.lists(actions, min_size=1, max_size=3)),
)
DENIED_NOW = [pattern.replace("*", operation) for pattern in DENIED_ACTIONS for operation in ("GetX", "RunCommand")]


@given(st.lists(statements, min_size=1, max_size=3), st.sampled_from(DENIED_NOW))
def test_whatever_passes_the_boundary_the_cloud_grants_no_denied_action(
    written: list[dict[str, Any]], action: str
) -> None:
    text = json.dumps({"Version": "1", "Statement": written})
    try:
        read = parse_document(text, DocumentKind.IDENTITY, TOLERANT)
    except MalformedDocument:
        return
    if not DEFAULT.problems(Granted(text)):
        assert evaluate([read], AccessRequest(action, "acs:ram:*:1:user/x", {})) is not Verdict.ALLOWED


def test_all_mistakes_of_the_settings_are_told_at_once() -> None:
    wrong = {
        "RAM_OPERATOR_DENIED_ACTIONS": "ram,ecs:Run Command",
        "RAM_OPERATOR_ALLOWED_TRUST_PRINCIPALS": "acs:ram::*:root",
        "RAM_OPERATOR_ALLOWED_GRANTEES": "dev",
        "RAM_OPERATOR_WORKERS": "0",
    }
    with pytest.raises(StartupError) as caught:
        from_environment(wrong)
    for name in (*wrong, "'ram'", "'ecs:Run Command'"):
        assert name in str(caught.value)
