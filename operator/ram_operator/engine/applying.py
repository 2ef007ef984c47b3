"""apply(): carry out a plan's steps. The only place where this operator writes to the cloud."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from ram_operator.cloud import Cloud
from ram_operator.errors import CloudError, Denied, Throttled
from ram_operator.model import Failure, Outcome, Plan, Step


async def apply(plan: Plan, cloud: Cloud) -> Outcome:
    """Carry out the steps: together those that have nothing to do with each other, the others in their order.

    A step waits for the earlier ones that share a subject with it or that have a subject it waits for. An error stops
    the later steps of the same subject, and those that wait for it. After a Denied or Throttled no further call of that
    API is made to that region: it would be refused as well. Raises nothing but bugs; failed calls are in the outcome.
    """
    run = _Run(cloud)
    tasks: list[asyncio.Task[None]] = []
    try:
        async with asyncio.TaskGroup() as group:
            for index, step in enumerate(plan.steps):
                awaited = {*step.subjects, *step.waits_for}
                before = [tasks[i] for i in range(index) if awaited.intersection(plan.steps[i].subjects)]
                tasks.append(group.create_task(run.step(step, before)))
    except BaseExceptionGroup as bugs:
        raise bugs.exceptions[0] from None
    return Outcome(tuple(run.done), tuple(run.failures))


@dataclass(slots=True)
class _Run:
    cloud: Cloud
    done: list[Step] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    unmade: set[str] = field(default_factory=set)
    stopped: dict[tuple[str, str], CloudError] = field(default_factory=dict)

    async def step(self, planned: Step, before: list[asyncio.Task[None]]) -> None:
        if before:
            await asyncio.wait(before)
        step = planned.without(frozenset(failure.subject for failure in self.failures))
        if step is None or self.unmade.intersection(step.waits_for):
            self.unmade.update(planned.subjects)
            return
        try:
            failed = await self._call(step)
        except CloudError as error:
            failed = dict.fromkeys(step.subjects, error)
        self.failures += (Failure(subject, step, error) for subject, error in failed.items())
        self.unmade.update(failed)
        if refusal := next((error for error in failed.values() if isinstance(error, Denied | Throttled)), None):
            self.stopped.setdefault((step.api, step.region), refusal)
        if succeeded := step.without(frozenset(failed)):
            self.done.append(succeeded)

    async def _call(self, step: Step) -> dict[str, CloudError]:
        if error := self.stopped.get((step.api, step.region)):
            return dict.fromkeys(step.subjects, error)
        return dict(await step.apply(self.cloud))
