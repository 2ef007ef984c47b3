"""The deletion of a role: who is in the way, and what is detached before it."""

from __future__ import annotations

from ram_operator.cloud import PolicyName
from ram_operator.kinds import ownership
from ram_operator.kinds.offers import uses_role
from ram_operator.kinds.ram_role import attachments
from ram_operator.kinds.ram_role.observing import ObservedRole
from ram_operator.kinds.ram_role.steps import DeleteRole, DetachPolicy
from ram_operator.model import Context, Facts, Hold, ObjectKey, Plan, Reason, Reference, StatusFields, listing


def deletion(
    name: str,
    facts: Facts,
    ours: tuple[PolicyName, ...],
    observed: ObservedRole,
    stored: StatusFields,
    context: Context,
) -> Plan:
    """The plan of a role that is to be deleted.

    Args:
        name: the role's name.
        facts: of the object.
        ours: the policies that the object may detach.
        observed: what was read of the role.
        stored: the stored status.
        context: of the reconcile.
    """
    subject = f"role {name}"
    if observed.role is None or observed.tags is None:
        return ownership.nothing_to_delete(name, stored, "arn")
    if not ownership.owned(observed.tags, context.owner):
        return ownership.nothing_of_ours(observed.role.name, observed.tags, facts, context.owner)
    if hold := ownership.hand_over(subject, facts):
        return Plan(holds=(hold,))
    if ownership.left_alone(facts, observed.tags, context.owner):
        return Plan()
    name = observed.role.name
    managed = {policy.folded for policy in ours}
    foreign = [str(policy) for policy in observed.attached if policy.folded not in managed]
    if bound := users(facts):
        bindings = listing(str(binding.key) for binding in bound)
        if all(binding.deleting for binding in bound):
            return Plan(holds=(ownership.waits_for(f"role {name}", bindings),))
        return _in_use(
            name, facts.me.key, f"bound by {bindings}; delete {'them' if len(bound) > 1 else 'it'} first", None
        )
    if observed.instances:
        instances = listing(observed.instances)
        count = len(observed.instances)
        have = f"{count} instances have it" if count > 1 else "1 instance has it"
        return _in_use(name, facts.me.key, f"{have}: {instances}; detach it there first")
    if observed.unreadable:
        return Plan(unreadable=observed.unreadable)
    if foreign:
        return _in_use(
            name,
            facts.me.key,
            f"it has policies that this object names nowhere: {listing(foreign)}; detach them first, {_NAME_THEM}",
        )
    attached = {policy.folded for policy in observed.attached}
    unconfirmed = attachments.unconfirmed(stored, context.outcome) - attached
    unread = (policy for policy in attachments.managed(stored) if policy.folded in unconfirmed)
    detach = (*observed.attached, *unread)
    return Plan(steps=(*(DetachPolicy(policy, name) for policy in detach), DeleteRole(name, detach)))


def users(facts: Facts) -> tuple[Reference, ...]:
    """The bindings in the way of a deletion: not those that have given nobody a role and have none to give."""
    return tuple(binding for binding in facts.referrers if uses_role(binding))


_NAME_THEM = "or name them in spec.policies to have them detached"


def _in_use(name: str, key: ObjectKey, users: str, retry_after: float | None = ownership.RECHECK_SECONDS) -> Plan:
    message = f"role {name} is in use: {users}, {ownership.retain_instead(key)}"
    return Plan(holds=(Hold(f"role {name}", Reason.IN_USE, message, retry_after),))
