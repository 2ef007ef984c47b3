"""AssumeRoleWithOIDC: a token of an identity provider in place of a key; the call itself is anonymous.

Codes are those of STS's list of error codes; every doubt about the token is a 401, or what a switch has instead.
"""

from ram_simulator.cloud.calls import Action, Answer, Call, on_nothing, table
from ram_simulator.cloud.clock import to_seconds
from ram_simulator.cloud.cloud import Cloud
from ram_simulator.cloud.errors import ApiError
from ram_simulator.cloud.identity_providers import IdentityProvider, TokenRefused, VerifiedToken, verify
from ram_simulator.policies.engine import Context
from ram_simulator.sts.sessions import check_federated_trust, existing_role, federated, new_session, session_name

_SHORTEST_TOKEN, _LONGEST_TOKEN = 4, 20_000


@federated
def assume_role_with_oidc(cloud: Cloud, call: Call) -> Answer:
    """Give a credential of a role to whoever holds a token that provider and role both accept."""
    name = session_name(call)
    provider = _provider(cloud, call.text("OIDCProviderArn"))
    token = call.text("OIDCToken")
    if not _SHORTEST_TOKEN <= len(token) <= _LONGEST_TOKEN:
        message = f"The parameter OIDCToken must have {_SHORTEST_TOKEN} to {_LONGEST_TOKEN} characters."
        raise ApiError(400, "InvalidParameter.OIDCToken", message)
    try:
        # real time: the token's times are its issuer's, which knows nothing of the simulated clock
        verified = verify(token, provider, cloud.clock.real_now())
    except TokenRefused as refused:
        raise ApiError(401, f"AuthenticationFail.OIDCToken.{refused.code}", str(refused)) from refused
    role = existing_role(cloud, call.text("RoleArn"))
    keys: Context = {"oidc:iss": verified.issuer, "oidc:aud": verified.audiences, "oidc:sub": verified.subject}
    check_federated_trust(cloud, call, role, (provider.arn(cloud.account.account_id), verified.subject), keys)
    return new_session(cloud, call, role, name) | {"OIDCTokenInfo": _shown(verified)}


def _provider(cloud: Cloud, arn: str) -> IdentityProvider:
    provider = cloud.account.identity_provider(arn)
    if provider is None:
        message = f"No such OIDC Provider registered: {arn}."
        raise ApiError(401, "AuthenticationFail.NoPermission", message)
    return provider


def _shown(token: VerifiedToken) -> Answer:
    return {
        "Issuer": token.issuer,
        "Subject": token.subject,
        "ClientIds": ",".join(token.audiences),
        "IssuanceTime": to_seconds(token.issued),
        "ExpirationTime": to_seconds(token.expiration),
        "VerificationInfo": "Success",
    }


ACTIONS = table(
    Action(
        "AssumeRoleWithOIDC",
        assume_role_with_oidc,
        on_nothing,
        ("OIDCProviderArn", "RoleArn", "OIDCToken", "RoleSessionName"),
        ("DurationSeconds", "Policy"),
        anonymous=True,
    ),
)
