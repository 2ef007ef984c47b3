"""What becomes of an instance that is there: StartInstance, StopInstance, DeleteInstance, and its metadata options."""

from ram_simulator.cloud.calls import Action, Answer, Call, table
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


def start_instance(cloud: Cloud, call: Call) -> Answer:
    """Start a stopped instance; it runs at once."""
    instance = existing_instance(cloud, call)
    _check_status(instance, InstanceStatus.STOPPED)
    check_dry_run(call)
    instance.status = InstanceStatus.RUNNING
    return {}


def stop_instance(cloud: Cloud, call: Call) -> Answer:
    """Stop a running instance; it stops at once."""
    instance = existing_instance(cloud, call)
    _check_status(instance, InstanceStatus.RUNNING)
    check_dry_run(call)
    instance.status = InstanceStatus.STOPPED
    return {}


def _check_status(instance: Instance, wanted: InstanceStatus) -> None:
    if instance.status is not wanted:
        message = f"The current status of the resource does not support this operation: {instance.status.value}."
        raise ApiError(403, "IncorrectInstanceStatus", message)


def delete_instance(cloud: Cloud, call: Call) -> Answer:
    """Release an instance; a running one only with Force, a protected one not at all."""
    instance = existing_instance(cloud, call)
    if instance.deletion_protection:
        message = "The instance is protected from deletion."
        raise ApiError(403, "InvalidOperation.DeletionProtection", message)
    if instance.status is InstanceStatus.RUNNING and not call.flag("Force"):
        message = "The instance is running; stop it first or set Force."
        raise ApiError(403, "IncorrectInstanceStatus", message)
    check_dry_run(call)
    cloud.ecs.remove(instance)
    return {}


def modify_instance_metadata_options(cloud: Cloud, call: Call) -> Answer:
    """Change what the metadata service of an instance asks for, at once; what is not named stays as it is."""
    (instance,) = existing_instances(cloud, region_of(call), [call.text("InstanceId")])
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
        start_instance,
        on_instance,
        ("InstanceId",),
        ("DryRun", "InitLocalDisk"),
        write=True,
        without_effect=("InitLocalDisk",),
    ),
    Action(
        "StopInstance",
        stop_instance,
        on_instance,
        ("InstanceId",),
        ("DryRun", "ForceStop", "StoppedMode", "ConfirmStop", "Hibernate"),
        write=True,
        without_effect=("ForceStop", "StoppedMode", "ConfirmStop", "Hibernate"),
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
