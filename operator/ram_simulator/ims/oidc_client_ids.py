"""Client ids and fingerprints of an OIDC provider one by one: two calls that add, two that remove."""

from ram_simulator.cloud.calls import Action, Answer, Call, Handler, table
from ram_simulator.cloud.cloud import Cloud
from ram_simulator.cloud.errors import ApiError
from ram_simulator.ims.oidc_checks import (
    client_ids,
    existing_provider,
    fingerprints,
    on_provider,
    own_issuer_key,
    shown_provider,
)

_FIELDS = {"ClientId": "client_ids", "Fingerprint": "fingerprints"}
_READ = {"ClientId": client_ids, "Fingerprint": fingerprints}


def _add(parameter: str) -> Handler:
    def add(cloud: Cloud, call: Call) -> Answer:
        provider = existing_provider(cloud, call)
        wanted, held = _wanted(call, parameter), getattr(provider, _FIELDS[parameter])
        if wanted in held:
            message = f"The OIDC provider {provider.name} already has {wanted}."
            raise ApiError(409, f"EntityAlreadyExists.OIDCProvider.{parameter}", message)
        # together with the new one they are as many as may be sent at once
        setattr(provider, _FIELDS[parameter], _READ[parameter](",".join((*held, wanted)), parameter))
        provider.update_date = cloud.clock.now()
        return shown_provider(cloud, provider)

    return add


def _remove(parameter: str) -> Handler:
    def remove(cloud: Cloud, call: Call) -> Answer:
        provider = existing_provider(cloud, call)
        wanted, held = _wanted(call, parameter), getattr(provider, _FIELDS[parameter])
        if wanted not in held:
            message = f"The OIDC provider {provider.name} does not have {wanted}."
            raise ApiError(404, f"EntityNotExist.OIDCProvider.{parameter}", message)
        setattr(provider, _FIELDS[parameter], tuple(item for item in held if item != wanted))
        provider.update_date = cloud.clock.now()
        return shown_provider(cloud, provider)

    return remove


def _wanted(call: Call, parameter: str) -> str:
    found = _READ[parameter](call.text(parameter), parameter)
    if len(found) != 1:
        raise ApiError(400, f"InvalidParameter.{parameter}", f"The parameter {parameter} must be one of its kind.")
    return found[0]


def _row(name: str, handler: Handler, parameter: str) -> Action:
    required = ("OIDCProviderName", parameter)
    return Action(name, handler, on_provider, required, write=True, keys=own_issuer_key, service="ram")


ACTIONS = table(
    *(_row(f"Add{item}ToOIDCProvider", _add(item), item) for item in _FIELDS),
    *(_row(f"Remove{item}FromOIDCProvider", _remove(item), item) for item in _FIELDS),
)
