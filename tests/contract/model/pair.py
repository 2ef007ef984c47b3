"""The simulator and the model, given the same calls: whatever the one answers, the other must have answered."""

import json
import re
from typing import Any

from tests.contract.clients.raw import Key, RawClient
from tests.contract.model.account import Account
from tests.contract.model.records import DATE, ID, SECRET, Answer, Params, Policy, Refusal

# actions answered by pages: the list, its marker in the answer, its marker and its page size in the request
_PAGED = dict.fromkeys(("ListRoles", "ListPolicies", "ListUsers", "ListGroups", "ListUsersForGroup"), "Marker")
_PAGED |= {"ListTagResources": "NextToken"}
_NUMBERED = {"DescribeInstances", "DescribeInstanceRamRole"}
_UNMODELLED = {
    *("RequestId", "Message", "IsTruncated", "Marker", "NextToken", "PageNumber", "PageSize", "LastLoginDate"),
    *("AllowConsoleLogin", "IsServiceLinkedRole", "LatestDeletionTask", "RolePrincipalName"),
    *("UserId", "GroupId", "PrincipalId", "Email", "MobilePhone", "OrderId", "TradePrice"),
}
# of an instance there is much to show; these are what calls change
_OF_INSTANCES = {"InstanceId", "RegionId", "InstanceNetworkType", "Status"}
_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_MOST_ROWS = 2000
_IDS = ("InstanceId", "InstanceIds", "UserAccessKeyId")


class Pair:
    """The simulator and the model.

    Keys and instances have names in the model (`key-1`) where the simulator has made up ids for them.
    """

    def __init__(self, client: RawClient, model: Account) -> None:
        self._client = client
        self._model = model
        self._ids: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._secrets: dict[str, str] = {}

    def play(self, action: str, params: Params) -> list[str]:
        """Do one call on both and compare; return the names of what it has made."""
        try:
            due: Any = self._normal(self._model.play(action, params))
        except Refusal as refusal:
            due = refusal
        got = self._ask(action, params)
        made = self._learn(action, due, got)
        self._compare(f"{action}({params})", due, got if isinstance(got, tuple) else self._normal(got))
        return made

    def play_as(self, key: str) -> None:
        """Ask with an access key who calls, and compare."""
        try:
            due: Any = self._model.play("GetCallerIdentity", {"key": key})
        except Refusal as refusal:
            due = refusal
        caller = RawClient(self._client.wire, Key(self._ids.get(key, key), self._secrets.get(key, f"{key}-secret")))
        reply = caller.call("GetCallerIdentity")
        got = self._normal(reply.answer) if reply.status == 200 else (reply.status, reply.answer["Code"])
        self._compare(f"GetCallerIdentity with {key}", due, got)

    def owner_of(self, key: str) -> str:
        """Return the name of the user that has an access key; `dev` if it is gone."""
        owner = self._model.owner_of(key)
        return owner.name if owner else "dev"

    def compare_everything(self) -> None:
        """Read all that there is from both."""
        for action, params in self._model.reads():
            self.play(action, params)

    @staticmethod
    def _compare(call: str, due: Any, got: Any) -> None:
        good = got in list(due.errors) if isinstance(due, Refusal) else got == due
        assert good, f"{call} was answered {got}; due is {due}"

    def _ask(self, action: str, params: Params) -> Answer | tuple[int, str]:
        """Return status and code of an error, or the answer with the rows of all its pages."""
        sent = {name: self._with_ids(value) if name in _IDS else value for name, value in params.items()}
        reply = self._client.call(action, **sent)
        if reply.status != 200:
            return reply.status, str(reply.answer["Code"])
        answer = reply.answer
        if action in _PAGED:
            self._add_pages(action, sent, answer)
        if action in _NUMBERED:
            self._add_numbered_pages(action, sent, answer)
        if action == "DescribeInstances":
            answer["Instances"]["Instance"] = [_of_instance(row) for row in rows_of(answer)]
        return _of_instance(answer) if action == "DescribeInstanceAttribute" else answer

    def _add_pages(self, action: str, sent: Params, answer: Answer) -> None:
        marker, rows = _PAGED[action], rows_of(answer)
        most = int(sent.get("PageSize" if marker == "NextToken" else "MaxItems", 100))
        assert len(rows) <= most
        while answer.get(marker):
            answer = self._client.call(action, **sent, **{marker: answer[marker]}).answer
            assert 1 <= len(rows_of(answer)) <= most
            rows += rows_of(answer)
            assert len(rows) < _MOST_ROWS, f"{action} never ends"

    def _add_numbered_pages(self, action: str, sent: Params, answer: Answer) -> None:
        rows = rows_of(answer)
        number = 1
        while len(rows) < answer["TotalCount"]:
            number += 1
            more = rows_of(self._client.call(action, **sent, PageNumber=str(number)).answer)
            assert 1 <= len(more) <= int(sent.get("PageSize", 10))
            rows += more

    def _with_ids(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._with_ids(item) for item in value]
        return self._ids.get(value, value)

    def _learn(self, action: str, due: Any, got: Any) -> list[str]:
        """Note the ids of what a call has made, under the names that the model gives."""
        if isinstance(due, Refusal) or isinstance(got, tuple):
            return []
        names, ids = made_by(action, due), made_by(action, got)
        self._ids |= zip(names, ids, strict=False)
        self._names |= zip(ids, names, strict=False)
        if action == "CreateAccessKey":
            self._secrets[names[0]] = got["AccessKey"]["AccessKeySecret"]
        return names

    def _normal(self, value: Any, name: str = "") -> Any:
        """Return an answer without what is not modelled: dates and ids by their form, lists in any order."""
        if isinstance(value, dict):
            return {key: self._normal(item, key) for key, item in value.items() if key not in _UNMODELLED}
        if isinstance(value, list):
            normal = [self._normal(item) for item in value]
            return sorted(normal, key=lambda item: json.dumps(item, sort_keys=True))
        return self._names.get(value, _scalar(name, value)) if isinstance(value, str) else value


def _scalar(name: str, value: str) -> Any:
    if name.endswith("Date"):
        return DATE if _DATE.fullmatch(value) else value
    if name == "RoleId":
        return ID if value.isdigit() else value
    if name == "AccessKeySecret":
        return SECRET
    if name.endswith("Document"):
        return json.loads(value)
    if name == "RamRoleName":
        return value.lower()
    if name == "Code" and value not in ("200", "InvalidRamRole.NotAttached"):
        return "failed"
    return str(value)


def _of_instance(row: Answer) -> Answer:
    return {name: value for name, value in row.items() if name in _OF_INSTANCES}


def made_by(action: str, answer: Answer) -> list[str]:
    """Return the ids, or the names, of what an action has made."""
    match action:
        case "CreateAccessKey":
            return [answer["AccessKey"]["AccessKeyId"]]
        case "CreateInstance":
            return [answer["InstanceId"]]
        case "RunInstances":
            return list(answer["InstanceIdSets"]["InstanceIdSet"])
    return []


def rows_of(answer: Answer) -> list[Any]:
    """Return the one list of an answer by pages."""
    (found,) = [value for value in answer.values() if isinstance(value, dict | list)]
    while isinstance(found, dict):
        (found,) = found.values()
    return list(found) if not isinstance(found, list) else found


def system_policies(client: RawClient) -> list[Policy]:
    """Return what there is before anybody does anything; the model can't know it."""
    listed = client.call("ListPolicies", PolicyType="System", MaxItems="1000").answer["Policies"]["Policy"]
    found = []
    for policy in listed:
        name = policy["PolicyName"]
        shown = client.call("GetPolicy", PolicyType="System", PolicyName=name).answer["DefaultPolicyVersion"]
        found.append(Policy(name, {1: shown["PolicyDocument"]}, "System", policy["Description"]))
    return found
