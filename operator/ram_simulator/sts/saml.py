"""AssumeRoleWithSAML: the response of an identity provider in place of a key; the call itself is anonymous.

Codes are those of its API page. The page has none for a role whose trust policy does not allow the provider: it is
that of AssumeRoleWithOIDC.
"""

from ram_simulator.cloud.calls import Action, Answer, Call, on_nothing, table
from ram_simulator.cloud.cloud import Cloud
from ram_simulator.cloud.errors import ApiError
from ram_simulator.cloud.identity_providers import SamlProvider
from ram_simulator.cloud.saml_assertions import AssertionRefused, NoSignatureLibrary, VerifiedAssertion, verify
from ram_simulator.sts.sessions import check_federated_trust, existing_role, federated, new_session, session_name_of

_SHORTEST, _LONGEST = 4, 100_000


@federated
def assume_role_with_saml(cloud: Cloud, call: Call) -> Answer:
    """Give a credential of a role to whoever brings an assertion that provider and role both accept."""
    provider = _provider(cloud, call.text("SAMLProviderArn"))
    assertion = _verified(cloud, call, provider)
    role = existing_role(cloud, call.text("RoleArn"), "EntityNotExist.RoleArn")
    arn = provider.arn(cloud.account.account_id)
    if frozenset((call.text("RoleArn"), call.text("SAMLProviderArn"))) not in assertion.roles:
        message = f"Its attribute Role does not have the pair {call.text('RoleArn')},{arn}."
        raise ApiError(401, "AuthenticationFail.SAMLAssertion.Invalid", message)
    name = session_name_of(assertion.session_name)
    check_federated_trust(cloud, call, role, (arn, assertion.subject), {"saml:recipient": assertion.recipient})
    return new_session(cloud, call, role, name) | {"SAMLAssertionInfo": _shown(assertion)}


def _provider(cloud: Cloud, arn: str) -> SamlProvider:
    provider = cloud.account.saml_provider(arn)
    if provider is None:
        raise ApiError(404, "EntityNotExist.SAMLProvider", f"Can not find SAML provider: {arn}.")
    return provider


def _verified(cloud: Cloud, call: Call, provider: SamlProvider) -> VerifiedAssertion:
    text = call.text("SAMLAssertion")
    if not _SHORTEST <= len(text) <= _LONGEST:
        message = f"The parameter SAMLAssertion must have {_SHORTEST} to {_LONGEST} characters."
        raise ApiError(400, "InvalidParameter.SAMLAssertion", message)
    try:
        # real time: the dates are the identity provider's, which knows nothing of the simulated clock
        return verify(text, provider, cloud.clock.real_now())
    except AssertionRefused as refused:
        raise ApiError(401, f"AuthenticationFail.{refused.code}", str(refused)) from refused
    except NoSignatureLibrary as error:
        message = "Install the extra that verifies signatures of SAML: pip install 'ram-simulator[saml]'."
        raise ApiError(404, "InvalidApi.NotFound", message) from error


def _shown(assertion: VerifiedAssertion) -> Answer:
    return {
        "SubjectType": assertion.subject_type,
        "Subject": assertion.subject,
        "Recipient": assertion.recipient,
        "Issuer": assertion.issuer,
    }


ACTIONS = table(
    Action(
        "AssumeRoleWithSAML",
        assume_role_with_saml,
        on_nothing,
        ("SAMLProviderArn", "RoleArn", "SAMLAssertion"),
        ("DurationSeconds", "Policy"),
        anonymous=True,
    ),
)
