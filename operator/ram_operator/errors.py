"""What can go wrong, as one tree, so that every layer catches by class and never by text.

OperatorError
├── InvalidSpec            the object says something that cannot be carried out; a person must edit it
├── StaleObject            the Kubernetes object changed under us; read it again and start over
├── KubeError              the Kubernetes API refused or failed a request
├── StartupError           the operator cannot start; the text says what to do
└── CloudError             an API call failed; raised only by `cloud.client`, scrubbed of secrets
    ├── NotFound           a value when observing, success when removing
    │   └── PolicyNotFound   it is the policy that is not there
    ├── AlreadyExists      somebody was faster, or our first reply was lost: observe again
    ├── InUse              a deletion blocked by what still uses the thing
    ├── Throttled          the API asks for patience
    ├── Unavailable        no answer, an unreadable answer or a server's own error: retry
    ├── Denied             our credentials lack a permission
    │   └── Unauthenticated  the credentials themselves are refused
    └── Rejected           the request itself is refused (malformed, quota): wait for an edit
        └── ClassicNetwork   the instance cannot have a role, whatever the request

Anything else is a bug: it is logged with its traceback, the key backs off, the process lives.
"""

from __future__ import annotations

from typing import Self


class OperatorError(Exception):
    """Everything this operator raises on purpose."""


class Problem(str):
    """What is wrong at a place of an object or document, and what to write instead; reads `PLACE: SENTENCE`."""

    __slots__ = ("place", "sentence")
    place: str
    sentence: str

    def __new__(cls, place: str, sentence: str) -> Self:
        """Make the text of both."""
        problem = super().__new__(cls, f"{place}: {sentence}")
        problem.place, problem.sentence = place, sentence
        return problem


class InvalidSpec(OperatorError):
    """A spec that cannot be carried out.

    Args:
        problems: one each, with its place in the object.
    """

    def __init__(self, *problems: Problem) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class StaleObject(OperatorError):
    """A write met a newer version of the object (HTTP 409), or the object is gone (HTTP 404)."""


class KubeError(OperatorError):
    """A request that the Kubernetes API refused or that got no answer.

    Args:
        request: what was asked, such as `PATCH /apis/ram.alicloud.dev/v1alpha1/ramroles/x`.
        status: the HTTP status, 0 where there was no answer.
        message: the API server's words.
    """

    def __init__(self, request: str, status: int, message: str) -> None:
        super().__init__(f"{request}: {status or 'no answer'}: {message}")
        self.status = status


class StartupError(OperatorError):
    """The operator cannot start. The text is one line that says what to do."""


class CloudError(OperatorError):
    """A failed call to a cloud API.

    Args:
        action: the API's name of the call, such as `AttachPolicyToRole`.
        code: the API's error code; `SDK.*` where no answer came.
        message: the API's words, scrubbed of keys, tokens and signatures.
        request_id: the API's id of the request, empty where there is none.

    `region` is the region of an ECS call, empty for the global APIs; `cloud.client` sets it. The cloud counts calls by
    API and, for ECS, region, and permissions are given by region too: what one region refuses another may allow.
    """

    region = ""

    def __init__(self, action: str, code: str, message: str = "", request_id: str = "") -> None:
        super().__init__(f"{action}: {code}" + (f": {message}" if message else ""))
        self.action = action
        self.code = code
        self.message = message
        self.request_id = request_id

    @property
    def summary(self) -> str:
        """The call and the code, without the API's words."""
        return f"{self.action}: {self.code}"

    def with_region(self, region: str) -> Self:
        """Set the region and return the error."""
        self.region = region
        return self


class NotFound(CloudError):
    """The role, policy, attachment or instance is not there."""


class PolicyNotFound(NotFound):
    """The policy is not there, as opposed to the role, or to the attachment of the two."""


class AlreadyExists(CloudError):
    """The role, policy or attachment is there already."""


class InUse(CloudError):
    """A deletion is refused because something still uses the thing."""


class Throttled(CloudError):
    """The API asks for patience. `retry_after` is in seconds, None where the API does not say."""

    def __init__(
        self, action: str, code: str, message: str = "", request_id: str = "", retry_after: float | None = None
    ) -> None:
        super().__init__(action, code, message, request_id)
        self.retry_after = retry_after


class Unavailable(CloudError):
    """No answer, an unreadable answer, or a server's own error."""


class Denied(CloudError):
    """The operator's credentials lack the permission for the action.

    `missing_action` is what a policy has to allow, such as `ram:CreateRole`: not always the call's own name. `resource`
    is the ARN that the API named. Both are empty where they are not known.
    """

    missing_action = ""
    resource = ""


class Unauthenticated(Denied):
    """The operator's credentials themselves are refused: unknown, disabled, ended, or with the wrong secret."""


class WrongAccount(Unauthenticated):
    """The operator's credentials are of another account than the one that it works in; the call was not sent."""


class Rejected(CloudError):
    """The request itself is refused: malformed, over a quota, or not allowed for this thing."""


class RegionNotFound(Rejected):
    """ECS has no region of this name, so that nothing is in it."""


class ClassicNetwork(Rejected):
    """The instance is in a classic network: only instances in a VPC can have a role."""
