"""The author of bindings, with and without the verb `use` on a role."""

from typing import Any

import pytest
from tests.cluster.actors import Actor
from tests.cluster.apiserver import ApiServer, path_of
from tests.cluster.objects import binding, policy, role
from tests.conftest import RunningControlPlane
from tests.security.conftest import Grant, Store, rule

BINDINGS = rule("instancerolebindings", "get", "create", "update", "patch", "delete")


@pytest.fixture(scope="module")
def author(installed: RunningControlPlane, grant: Grant) -> Actor:
    """Somebody who may write bindings and use the RamRole `mine`."""
    actor = Actor(installed.kubeconfig, "author")
    grant(actor, BINDINGS, rule("ramroles", "use", name="mine"))
    return actor


def test_a_role_is_given_only_with_the_verb_use_on_it(author: Actor) -> None:
    assert author.create(binding("b", "mine", "pool")) == ""
    refused = author.create(binding("b", "other", "pool"))
    assert "spec.roleRef: author may not use RamRole other; ask for a ClusterRole" in refused


@pytest.mark.parametrize("deleting", [False, True])
def test_a_binding_cannot_be_pointed_at_another_role(deleting: bool, author: Actor, store: Store) -> None:
    stored = store(binding("pointed", "mine", "pool"), deleting=deleting)
    refused = author.patch(stored, {"spec": {"roleRef": {"name": "other"}}})
    assert "author may not use RamRole other" in refused
    assert author.patch(stored, {"spec": {"nodeNames": ["n"]}}) == ""


def test_a_replaced_binding_and_one_with_a_generated_name_are_no_way_round(
    author: Actor, store: Store, root: ApiServer
) -> None:
    stored = store(binding("replaced", "mine", "pool"))
    body = root.get(stored)
    assert body is not None
    body["spec"]["roleRef"]["name"] = "other"
    assert "may not use RamRole other" in author.ask("PUT", path_of(stored), body)
    generated = binding("", "other", "pool")
    generated["metadata"] = {"generateName": "mine"}
    assert "may not use RamRole other" in author.create(generated)


def test_nodes_are_not_added_to_a_binding_of_a_role_without_the_verb_use(author: Actor, store: Store) -> None:
    stored = store(binding("theirs", "other", "pool"))
    assert "may not use RamRole other" in author.patch(stored, {"spec": {"nodeNames": ["n"]}})
    assert author.patch(stored, {"metadata": {"labels": {"a": "b"}}}) == ""


def test_roles_that_were_found_are_not_taken_over_without_the_verb_use(author: Actor, store: Store) -> None:
    take_over = {"metadata": {"annotations": {"ram.alicloud.dev/take-over": "1"}}}
    assert "may not use RamRole other" in author.patch(store(binding("found", "other", "pool")), take_over)
    assert author.patch(store(binding("found-mine", "mine", "pool")), take_over) == ""


def nested(depth: int) -> Any:
    """Lists in lists."""
    made: Any = "*"
    for _ in range(depth):
        made = [made]
    return made


@pytest.mark.parametrize("deleting", [False, True])
@pytest.mark.parametrize("place", ["Statement", "Action", "Resource", "Condition", "unheard-of"])
def test_nothing_nested_is_stored(place: str, deleting: bool, author: Actor, store: Store) -> None:
    stored = store(binding("nested", "mine", "pool"), deleting=deleting)
    statement = {"Effect": "Allow", "Action": "oss:Get*", "Resource": "*"}
    if place == "Condition":
        statement["Condition"] = {"StringEquals": {"oss:Prefix": nested(300)}}  # type: ignore[assignment]
    else:
        statement[place] = nested(300)
    session = {"Statement": nested(300) if place == "Statement" else [statement]}
    assert author.patch(stored, {"spec": {"sessionPolicy": session}})


def test_a_binding_is_bounded_in_sum(author: Actor) -> None:
    names = [f"{number:0240}" for number in range(1000)]
    assert "more than 64000 characters" in author.create(binding("b", "mine", nodes=names))


REPLACE = {"conflictPolicy": "Replace"}
REPLACING: tuple[tuple[dict[str, Any], tuple[str, ...], str, str], ...] = (
    (REPLACE, ("use",), "replace", "may not replace other roles"),
    ({**REPLACE, "allowProtectedRoles": True}, ("use", "replace"), "replace-protected", "may not replace protected"),
)


@pytest.mark.parametrize(("spec", "held", "missing", "refusal"), REPLACING)
def test_replacing_roles_takes_a_verb_of_its_own(
    spec: dict[str, Any],
    held: tuple[str, ...],
    missing: str,
    refusal: str,
    installed: RunningControlPlane,
    grant: Grant,
) -> None:
    without, trusted = (Actor(installed.kubeconfig, f"{name}-{missing}") for name in ("without", "with"))
    grant(without, BINDINGS, rule("ramroles", *held, name="mine"))
    grant(trusted, BINDINGS, rule("ramroles", *held, missing, name="mine"))
    body = binding("b", "mine", "pool", **spec)
    assert refusal in without.create(body)
    assert trusted.create(body) == ""


def test_a_role_that_no_object_manages_is_not_given(author: Actor) -> None:
    body = binding("b", "mine", "pool")
    del body["spec"]["roleRef"]
    body["spec"]["roleName"] = "mine"
    assert author.create(body)


def test_a_writer_of_bindings_writes_no_role_no_policy_and_no_status(author: Actor, store: Store) -> None:
    for body in (role("r"), policy("p")):
        assert "cannot create resource" in author.create(body)
    stored = store(binding("status", "mine", "pool"))
    refused = author.patch(stored, {"status": {"summary": {}}}, "status")
    assert "cannot patch resource" in refused
