"""Values that the schema takes and this version does not obey yet: whoever makes it obey one takes its row out."""

from typing import Any

from tests.cluster.admission.case import Case, Spec, binding, policy, statement

SPECS: dict[str, Spec] = {"RamPolicy": policy(), "RamRole": {}, "InstanceRoleBinding": binding()}
ROWS: tuple[tuple[str, str, Any], ...] = (("InstanceRoleBinding", "sessionPolicy", {"Statement": [statement()]}),)


def spec(kind: str, field: str, value: object) -> Spec:
    """A good spec of that kind with this field."""
    return {**SPECS[kind], field: value}


UNSUPPORTED = tuple(
    Case(f"unsupported {kind} {field}", kind, spec(kind, field, value), f"spec.{field}: is not supported")
    for kind, field, value in ROWS
)
NOTHING_OF_IT: tuple[Case, ...] = (Case("binding of no instances", "InstanceRoleBinding", binding(instances=[])),)
