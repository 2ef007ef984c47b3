"""The settings as the cloud's connection takes them. Called by `__main__`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from ram_operator.cloud.client.network import Network
from ram_operator.cloud.connection import CloudConfig
from ram_operator.cloud.credentials import CredentialsProvider, EnvironmentCredentials, FileCredentials
from ram_operator.cloud.credentials.sources import InstanceRoleSource, OidcSource, Source, UriSource
from ram_operator.errors import StartupError
from ram_operator.settings import Settings


def configured(settings: Settings, clock: Callable[[], float]) -> CloudConfig:
    """Return how the cloud is reached.

    Args:
        settings: what the user sets.
        clock: monotonic seconds.

    Raises:
        StartupError: an AccessKey or a file with certificates cannot be read.
    """
    return CloudConfig(
        credentials=_credentials(settings, clock),
        endpoint_ram=settings.endpoint_ram,
        endpoint_ecs=settings.endpoint_ecs,
        endpoint_sts=settings.endpoint_sts,
        region=settings.region,
        network=_network(settings),
        quota_factor=settings.quota_factor,
    )


def problems(settings: Settings) -> Iterator[str]:
    """What is wrong with the files that the settings name, and with the credentials, each with what to do."""
    # What is built here is thrown away: no time passes for it.
    for part in (_network, partial(_credentials, clock=lambda: 0.0)):
        try:
            part(settings)
        except StartupError as error:
            yield str(error)


def _network(settings: Settings) -> Network:
    return Network(settings.ca_bundle, settings.https_proxy, ",".join(settings.no_proxy))


def _credentials(settings: Settings, clock: Callable[[], float]) -> CredentialsProvider | Source:
    match settings.credentials_source:
        case "oidc":
            # One that is not named is told of with the other settings.
            token_file = settings.oidc_token_file or Path(os.devnull)
            _check_readable(token_file)
            names = (settings.role_session_name, settings.session_policy)
            return OidcSource(settings.role_arn, settings.oidc_provider_arn, token_file, *names)
        case "instance-role":
            return InstanceRoleSource(settings.metadata_endpoint)
        case "uri":
            return UriSource(settings.credentials_uri)
        case _ if settings.credentials_dir:
            return FileCredentials(settings.credentials_dir, clock)
        case _:
            return EnvironmentCredentials(settings.credentials)


def _check_readable(token_file: Path) -> None:
    try:
        token_file.open("rb").close()
    except OSError as error:
        raise StartupError(
            f"RAM_OPERATOR_OIDC_TOKEN_FILE: cannot read {token_file}: {error.strerror}; project a token of the "
            "ServiceAccount with the audience sts.aliyuncs.com there"
        ) from None
