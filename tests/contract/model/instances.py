"""The part of the model about instances: which there are, whether they run, and which role they play."""

from collections.abc import Callable, Iterable

from tests.contract.model.entries import Entries
from tests.contract.model.records import Answer, Errors, Instance, Params, due, refuse

_ECS = "ecs.aliyuncs.com"


class Instances(Entries):
    """Instances, those made here named `instance-1`, `instance-2` and so on."""

    instances_made = 0

    def create_instance(self, params: Params) -> Answer:
        (made,) = self._once(params, lambda: self._make(params, 1, runs=False))
        return {"InstanceId": made, "TradePrice": 0.0}

    def run_instances(self, params: Params) -> Answer:
        made = self._once(params, lambda: self._make(params, int(params["Amount"]), runs=True))
        return {"InstanceIdSets": {"InstanceIdSet": made}, "TradePrice": 0.0}

    def start_instance(self, params: Params) -> Answer:
        instance = self._instance(params)
        refuse(due(403, "IncorrectInstanceStatus", when=instance.runs))
        instance.runs = True
        return {}

    def stop_instance(self, params: Params) -> Answer:
        instance = self._instance(params)
        refuse(due(403, "IncorrectInstanceStatus", when=not instance.runs))
        instance.runs = False
        return {}

    def delete_instance(self, params: Params) -> Answer:
        instance = self._instance(params)
        refuse(due(403, "IncorrectInstanceStatus", when=instance.runs and params.get("Force") != "true"))
        del self.instances[params["InstanceId"]]
        return {}

    def describe_instances(self, params: Params) -> Answer:
        asked = params.get("InstanceIds", self.instances)
        found = [name for name in asked if name in self.instances]
        found = [name for name in found if self.instances[name].region == params["RegionId"]]
        shown = [self.describe_instance_attribute({"InstanceId": name}) for name in found]
        shown = [row for row in shown if params.get("Status") in (None, row["Status"])]
        return {"TotalCount": len(shown), "Instances": {"Instance": shown}}

    def describe_instance_attribute(self, params: Params) -> Answer:
        instance = self._instance(params)
        return {
            "InstanceId": params["InstanceId"],
            "RegionId": instance.region,
            "InstanceNetworkType": instance.network,
            "Status": "Running" if instance.runs else "Stopped",
        }

    def attach_instance_ram_role(self, params: Params) -> Answer:
        refuse(self._errors_of_ids(params), self._role_errors(params, untrusted=404))
        role = self.role({"RoleName": params["RamRoleName"]})
        rows = []
        for name in params["InstanceIds"]:
            instance = self.instances[name]
            free = instance.role is None
            instance.role = role.name if free else instance.role
            rows.append({"InstanceId": name, "Success": free, "Code": "200" if free else "failed"})
        return _counted("Attach", rows) | {"RamRoleName": role.name}

    def detach_instance_ram_role(self, params: Params) -> Answer:
        refuse(self._errors_of_ids(params))
        wanted = params.get("RamRoleName")
        rows: list[Answer] = []
        for name in params["InstanceIds"]:
            instance = self.instances[name]
            if instance.role is None or (wanted and wanted.lower() != instance.role.lower()):
                rows.append({"InstanceId": name, "Success": False, "Code": "InvalidRamRole.NotAttached"})
                continue
            taken = {"InstanceRamRoleSet": [{"InstanceId": name, "RamRoleName": instance.role}]}
            rows.append({"InstanceId": name, "Success": True, "Code": "200", "InstanceRamRoleSets": taken})
            instance.role = None
        return _counted("Detach", rows) | {"RamRoleName": wanted or ""}

    def describe_instance_ram_role(self, params: Params) -> Answer:
        ids, wanted = params.get("InstanceIds"), params.get("RamRoleName")
        refuse(due(403, "InvalidParameter.AllEmpty", when=ids is None and wanted is None))
        unknown = wanted is not None and wanted.lower() not in self.roles
        refuse(self._errors_of_ids(params), due(404, "InvalidRamRole.NotFound", when=unknown))
        # who asks by ids alone is shown each of them, also those without a role
        shown = [
            {"InstanceId": name, "RamRoleName": instance.role or ""}
            for name, instance in self.instances.items()
            if instance.region == params["RegionId"]
            and (ids is None or name in ids)
            and (wanted is None or (instance.role or "").lower() == wanted.lower())
        ]
        sets = {"InstanceRamRoleSet": shown}
        return {"RegionId": params["RegionId"], "TotalCount": len(shown), "InstanceRamRoleSets": sets}

    def _once(self, params: Params, make: Callable[[], list[str]]) -> list[str]:
        token = params.get("ClientToken", "")
        before, made = self.tokens.get(token, (params, []))
        refuse(due(400, "IdempotentParameterMismatch", when=before != params))
        made = made or make()
        if token:
            self.tokens[token] = (params, made)
        return made

    def _make(self, params: Params, amount: int, *, runs: bool) -> list[str]:
        named, switched = "RamRoleName" in params, "VSwitchId" in params
        refuse(
            due(403, "InvalidNetworkType.MismatchRamRole", when=named and not switched),
            self._role_errors(params, untrusted=401) if named else set(),
        )
        refuse(due(400, "DryRunOperation", when=params.get("DryRun") == "true"))
        role = self.role({"RoleName": params["RamRoleName"]}).name if named else None
        numbers = range(self.instances_made + 1, self.instances_made + 1 + amount)
        self.instances_made += amount
        made = [f"instance-{number}" for number in numbers]
        network = "vpc" if switched else "classic"
        self.instances |= {name: Instance(params["RegionId"], network, runs, role) for name in made}
        return made

    def _instance(self, params: Params) -> Instance:
        refuse(due(404, "InvalidInstanceId.NotFound", when=params["InstanceId"] not in self.instances))
        return self.instances[params["InstanceId"]]

    def _role_errors(self, params: Params, untrusted: int) -> Errors:
        role = self.roles.get(params["RamRoleName"].lower())
        if role is None:
            return {(404, "InvalidRamRole.NotFound")}
        return due(untrusted, "InvalidRamRole.NotEcsRole", when=_ECS not in role.trust)

    def _errors_of_ids(self, params: Params) -> Errors:
        asked: Iterable[str] = params.get("InstanceIds", ())
        known = [self.instances.get(name) for name in asked]
        unknown = any(found is None or found.region != params["RegionId"] for found in known)
        classic = any(found and found.network == "classic" for found in known)
        return due(404, "InvalidInstanceId.NotFound", when=unknown) | due(
            403, "InvalidNetworkType.MismatchRamRole", when=classic
        )


def _counted(verb: str, rows: list[Answer]) -> Answer:
    failed = sum(not row["Success"] for row in rows)
    name = f"{verb}InstanceRamRoleResult"
    return {"TotalCount": len(rows), "FailCount": failed, f"{name}s": {name: rows}}
