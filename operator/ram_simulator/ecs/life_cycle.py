"""What becomes of an instance that is there: it starts, stops, restarts, is released."""

from ram_simulator.cloud.calls import Action, Answer, Call, Handler, table
from ram_simulator.cloud.cloud import Cloud
from ram_simulator.cloud.ecs_store import Instance, InstanceStatus
from ram_simulator.cloud.errors import ApiError
from ram_simulator.ecs.checks import (
    check_dry_run,
    check_metadata_options,
    existing_instance,
    existing_instances,
    on_instance,
    region_of,
)

# what an instance must be before, and what it is after; it gets there at once
CHANGES = {
    "Start": (InstanceStatus.STOPPED, InstanceStatus.RUNNING),
    "Stop": (InstanceStatus.RUNNING, InstanceStatus.STOPPED),
    "Reboot": (InstanceStatus.RUNNING, InstanceStatus.RUNNING),
}


def _change(verb: str) -> Handler:
    def change(cloud: Cloud, call: Call) -> Answer:
        instance = existing_instance(cloud, call)
        check_status(instance, verb)
        check_dry_run(call)
        instance.status = CHANGES[verb][1]
        return {}

    return change


def check_status(instance: Instance, verb: str) -> None:
    """Raise ApiError if an instance cannot be started, stopped or rebooted as it is."""
    if instance.status is not CHANGES[verb][0]:
        message = f"The current status of the resource does not support this operation: {instance.status.value}."
        raise ApiError(403, "IncorrectInstanceStatus", message)


def delete_instance(cloud: Cloud, call: Call) -> Answer:
    """Release an instance; a running one only with Force, a protected one not at all."""
    instance = existing_instance(cloud, call)
    check_deletable(call, instance)
    check_dry_run(call)
    cloud.ecs.remove(instance)
    return {}


def check_deletable(call: Call, instance: Instance) -> None:
    """Raise ApiError if an instance is protected, or runs and the call does not say Force."""
    if instance.deletion_protection:
        message = "The instance is protected from deletion."
        raise ApiError(403, "InvalidOperation.DeletionProtection", message)
    if instance.status is InstanceStatus.RUNNING and not call.flag("Force"):
        message = "The instance is running; stop it first or set Force."
        raise ApiError(403, "IncorrectInstanceStatus", message)


def modify_instance_metadata_options(cloud: Cloud, call: Call) -> Answer:
    """Change what the metadata service of an instance asks for, at once; what is not named stays as it is."""
    (instance,) = existing_instances(cloud, region_of(cloud, call), [call.text("InstanceId")])
    check_metadata_options(call)
    instance.http_endpoint = call.text("HttpEndpoint") or instance.http_endpoint
    instance.http_tokens = call.text("HttpTokens") or instance.http_tokens
    instance.hop_limit = int(call.text("HttpPutResponseHopLimit") or instance.hop_limit)
    instance.metadata_tags = call.text("InstanceMetadataTags") or instance.metadata_tags
    return {}


# an instance here has no local disks, memory to keep or subscription: these change nothing
ACTIONS = table(
    Action(
        "StartInstance",
        _change("Start"),
        on_instance,
        ("InstanceId",),
        ("DryRun", "InitLocalDisk"),
        write=True,
        without_effect=("InitLocalDisk",),
    ),
    Action(
        "StopInstance",
        _change("Stop"),
        on_instance,
        ("InstanceId",),
        ("DryRun", "ForceStop", "StoppedMode", "ConfirmStop", "Hibernate"),
        write=True,
        without_effect=("ForceStop", "StoppedMode", "ConfirmStop", "Hibernate"),
    ),
    Action(
        "RebootInstance",
        _change("Reboot"),
        on_instance,
        ("InstanceId",),
        ("DryRun", "ForceStop"),
        write=True,
        without_effect=("ForceStop",),
    ),
    Action(
        "DeleteInstance",
        delete_instance,
        on_instance,
        ("InstanceId",),
        ("DryRun", "Force", "ForceStop", "TerminateSubscription"),
        write=True,
        without_effect=("ForceStop", "TerminateSubscription"),
    ),
    Action(
        "ModifyInstanceMetadataOptions",
        modify_instance_metadata_options,
        on_instance,
        ("RegionId", "InstanceId", "HttpEndpoint"),
        ("HttpTokens", "HttpPutResponseHopLimit", "InstanceMetadataTags"),
        write=True,
    ),
)
