"""A second, small account of what RAM and the roles of instances do, written from their documentation alone.

The stateful test plays random calls against it and against the simulator. Where the documentation leaves open which of
several errors wins, any of them is right: a refusal here is a set.
"""

import re
from collections.abc import Callable, Iterable, Sequence

from tests.contract.model.instances import Instances
from tests.contract.model.keys import Keys
from tests.contract.model.people import People
from tests.contract.model.policies import Policies
from tests.contract.model.records import Answer, Params
from tests.contract.model.roles import Roles

Call = tuple[str, Params]
Method = Callable[..., Answer]
_BY_HOLDER = re.compile(r"(AttachPolicyTo|DetachPolicyFrom|ListPoliciesFor)(Role|User|Group)")


class Account(Roles, Policies, People, Keys, Instances):
    """All parts together: every public method is an action, by its name in snake case."""

    def play(self, action: str, params: Params) -> Answer:
        """Do an action; raise Refusal if it must fail."""
        if by_holder := _BY_HOLDER.fullmatch(action):
            verb, kind = by_holder.groups()
            return self._method(verb)(kind, params)
        return self._method(action)(params)

    def _method(self, action: str) -> Method:
        found: Method = getattr(self, re.sub(r"(?<!^)(?=[A-Z][a-z])", "_", action).lower())
        return found

    def reads(self) -> list[Call]:
        """Return the calls that show everything there is, each thing from both sides."""
        tag = [{"Key": "a", "Value": "x"}]
        calls: list[Call] = [
            *((f"List{kind}", {"MaxItems": "2"}) for kind in ("Roles", "Users", "Groups")),
            ("ListRoles", {"Tag": tag}),
            ("ListPolicies", {"MaxItems": "10"}),
            ("ListPolicies", {"Tag": tag}),
            *(("ListTagResources", {"ResourceType": kind, "PageSize": "9"}) for kind in ("role", "policy")),
        ]
        return [*calls, *self._reads_of_policies(), *self._reads_of_holders(), *self._reads_of_instances()]

    def _reads_of_policies(self) -> list[Call]:
        custom = [{"PolicyType": kind, "PolicyName": name} for kind, name in self.policies if kind == "Custom"]
        actions = ("GetPolicy", "ListPolicyVersions", "ListEntitiesForPolicy")
        return [(action, named) for named in custom for action in actions]

    def _reads_of_holders(self) -> list[Call]:
        asked: dict[str, tuple[Iterable[str], Sequence[str]]] = {
            "RoleName": (self.roles, ("GetRole", "ListPoliciesForRole")),
            "UserName": (
                self.users,
                ("ListPoliciesForUser", "ListGroupsForUser", "ListAccessKeys", "GetLoginProfile"),
            ),
            "GroupName": (self.groups, ("ListPoliciesForGroup", "ListUsersForGroup")),
        }
        return [
            (action, {parameter: name})
            for parameter, (entries, actions) in asked.items()
            for name in entries
            for action in actions
        ]

    def _reads_of_instances(self) -> list[Call]:
        regions = {instance.region for instance in self.instances.values()}
        calls: list[Call] = [("DescribeInstances", {"RegionId": region}) for region in sorted(regions)]
        for region in sorted(regions):
            of_region = [(name, found) for name, found in self.instances.items() if found.region == region]
            ids = [name for name, found in of_region if found.network == "vpc"]
            if ids:
                calls.append(("DescribeInstanceRamRole", {"RegionId": region, "InstanceIds": ids[:50]}))
            calls += [("DescribeInstanceRamRole", {"RegionId": region, "RamRoleName": name}) for name in self.roles]
        return calls
