"""Many instances in one call: StartInstances, StopInstances, RebootInstances, DeleteInstances.

`AllTogether`, the default, changes all or none; with `SuccessFirst` what fails is a row of a 200 answer.
"""

from ram_simulator.cloud.calls import Action, Answer, Call, Handler, table
from ram_simulator.cloud.cloud import Cloud
from ram_simulator.cloud.ecs_store import Instance
from ram_simulator.cloud.errors import ApiError
from ram_simulator.ecs.checks import check_dry_run, existing_instances, on_listed_instances, region_of
from ram_simulator.ecs.life_cycle import CHANGES, check_deletable, check_status

_MOST = 100
_WAYS = ("AllTogether", "SuccessFirst")


def _change(verb: str) -> Handler:
    def change(cloud: Cloud, call: Call) -> Answer:
        instances, way = _named(cloud, call), call.text("BatchOptimization") or _WAYS[0]
        if way not in _WAYS:
            raise ApiError(400, "InvalidParameter.BatchOptimization", f"It must be one of {', '.join(_WAYS)}.")
        if way == _WAYS[0]:
            for instance in instances:
                check_status(instance, verb)
        rows = [_changed(instance, verb, dry=call.flag("DryRun")) for instance in instances]
        return {"InstanceResponses": {"InstanceResponse": rows}}

    return change


def _changed(instance: Instance, verb: str, *, dry: bool) -> Answer:
    before, code, message = instance.status, "200", "success"
    try:
        check_status(instance, verb)
        if dry:
            code = "DRYRUN.SUCCESS"
        else:
            instance.status = CHANGES[verb][1]
    except ApiError as error:
        code, message = error.code, error.message
    return {
        "InstanceId": instance.instance_id,
        "PreviousStatus": before.value,
        "CurrentStatus": instance.status.value,
        "Code": code,
        "Message": message,
    }


def delete_instances(cloud: Cloud, call: Call) -> Answer:
    """Release instances: all of them, or none if one is protected or runs without Force."""
    instances = _named(cloud, call)
    for instance in instances:
        check_deletable(call, instance)
    check_dry_run(call)
    for instance in instances:
        cloud.ecs.remove(instance)
    return {}


def _named(cloud: Cloud, call: Call) -> list[Instance]:
    ids = call.listed("InstanceId")
    if not 1 <= len(ids) <= _MOST:
        raise ApiError(400, "InvalidInstanceIds.Malformed", f"InstanceId.N takes 1 to {_MOST} ids.")
    return existing_instances(cloud, region_of(cloud, call), list(dict.fromkeys(ids)))


# ECS may have these for any of the three; an instance here has no state that they would spare
_WITHOUT_EFFECT = {"Start": (), "Stop": ("ForceStop", "StoppedMode"), "Reboot": ("ForceReboot",)}
_DELETE_WITHOUT_EFFECT = ("ClientToken", "TerminateSubscription", "ForceStop")
_NAMED = ("RegionId", "InstanceId")
ACTIONS = table(
    *(
        Action(
            f"{verb}Instances",
            _change(verb),
            on_listed_instances,
            _NAMED,
            ("BatchOptimization", "DryRun", *without_effect),
            write=True,
            without_effect=without_effect,
        )
        for verb, without_effect in _WITHOUT_EFFECT.items()
    ),
    Action(
        "DeleteInstances",
        delete_instances,
        on_listed_instances,
        _NAMED,
        ("Force", "DryRun", *_DELETE_WITHOUT_EFFECT),
        write=True,
        without_effect=_DELETE_WITHOUT_EFFECT,
    ),
)
