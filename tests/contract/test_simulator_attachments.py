"""Who holds which policy, against the process: both sides, limits, and what a second time is answered."""

import pytest
from tests.contract.clients.pages import READ_OSS, TRUST
from tests.contract.conftest import OldSdk

CUSTOM = {"PolicyType": "Custom", "PolicyName": "Read"}
HOLDERS = [("Role", "Reader"), ("User", "dev")]


@pytest.fixture(autouse=True)
def world(root: OldSdk) -> None:
    root.call("CreateRole", RoleName="Reader", AssumeRolePolicyDocument=TRUST)
    root.call("CreatePolicy", PolicyName="Read", PolicyDocument=READ_OSS)


@pytest.mark.parametrize(("kind", "name"), HOLDERS)
def test_a_second_attach_is_refused(root: OldSdk, kind: str, name: str) -> None:
    asked = CUSTOM | {f"{kind}Name": name}
    root.call(f"AttachPolicyTo{kind}", **asked)
    assert root.refusal(f"AttachPolicyTo{kind}", **asked) == (409, f"EntityAlreadyExists.{kind}.Policy")


@pytest.mark.parametrize(("kind", "name"), HOLDERS)
def test_a_second_detach_is_refused(root: OldSdk, kind: str, name: str) -> None:
    asked = CUSTOM | {f"{kind}Name": name}
    root.call(f"AttachPolicyTo{kind}", **asked)
    root.call(f"DetachPolicyFrom{kind}", **asked)
    assert root.refusal(f"DetachPolicyFrom{kind}", **asked) == (404, f"EntityNotExist.{kind}.Policy")


@pytest.mark.parametrize(("kind", "name"), HOLDERS)
def test_an_attached_policy_can_not_be_deleted(root: OldSdk, kind: str, name: str) -> None:
    root.call(f"AttachPolicyTo{kind}", **CUSTOM, **{f"{kind}Name": name})
    cascading = {"PolicyName": "Read", "CascadingDelete": "true"}
    assert root.refusal("DeletePolicy", **cascading) == (409, f"DeleteConflict.Policy.{kind}")


def test_a_role_that_holds_a_policy_can_not_be_deleted(root: OldSdk) -> None:
    root.call("AttachPolicyToRole", **CUSTOM, RoleName="Reader")
    assert root.refusal("DeleteRole", RoleName="Reader") == (409, "DeleteConflict.Role.Policy")
    root.call("DetachPolicyFromRole", **CUSTOM, RoleName="Reader")
    root.call("DeleteRole", RoleName="READER")
    assert root.refusal("GetRole", RoleName="Reader") == (404, "EntityNotExist.Role")


@pytest.mark.parametrize(("kind", "most"), [("System", 20), ("Custom", 10)])
def test_a_role_holds_so_many_policies_and_no_more(root: OldSdk, kind: str, most: int) -> None:
    for number in range(most + 1):
        root.call("CreatePolicy", PolicyName=f"policy-{number}", PolicyDocument=READ_OSS)
    listed = root.call("ListPolicies", PolicyType=kind, MaxItems=most + 1)["Policies"]["Policy"]
    *fitting, surplus = [
        {"PolicyType": kind, "PolicyName": policy["PolicyName"], "RoleName": "Reader"} for policy in listed
    ]
    for asked in fitting:
        root.call("AttachPolicyToRole", **asked)
    assert root.refusal("AttachPolicyToRole", **surplus) == (409, "LimitExceeded.Role.Policy")


def test_both_sides_of_an_attachment_show_it(root: OldSdk) -> None:
    root.call("AttachPolicyToRole", **CUSTOM, RoleName="READER")
    root.call("AttachPolicyToUser", **CUSTOM, UserName="DEV")
    entities = root.call("ListEntitiesForPolicy", **CUSTOM)
    assert [role["RoleName"] for role in entities["Roles"]["Role"]] == ["Reader"]
    assert [user["UserName"] for user in entities["Users"]["User"]] == ["dev"]
    assert entities["Groups"]["Group"] == []
    for_role = root.call("ListPoliciesForRole", RoleName="Reader")["Policies"]["Policy"]
    for_user = root.call("ListPoliciesForUser", UserName="dev")["Policies"]["Policy"]
    assert [policy["PolicyName"] for policy in (*for_role, *for_user)] == ["Read", "Read"]
    assert root.call("GetPolicy", **CUSTOM)["Policy"]["AttachmentCount"] == 2
