"""The account: its keys and credentials, and the principals that calls are made by.

Read by the wire layers to authenticate, by RAM and STS as their store of users, written by the fixture and by STS.
"""

import secrets
import string
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from ram_simulator.cloud.identity_providers import IdentityProvider, SamlProvider
from ram_simulator.cloud.people import AccessKey, People, User
from ram_simulator.cloud.registry import Registry
from ram_simulator.cloud.settings import AccountSettings
from ram_simulator.policies import PolicyDocument

_KEY_ALPHABET = string.ascii_letters + string.digits
_TOKEN_HEAD = "CAIS"


@dataclass(frozen=True, slots=True)
class Root:
    """The account itself, which may do everything."""

    account_id: str

    @property
    def arn(self) -> str:
        """The account's ARN."""
        return f"acs:ram::{self.account_id}:root"


@dataclass(frozen=True, slots=True)
class UserPrincipal:
    """A RAM user as a caller."""

    account_id: str
    user_name: str
    user_id: str

    @property
    def arn(self) -> str:
        """The user's ARN."""
        return f"acs:ram::{self.account_id}:user/{self.user_name}"


@dataclass(frozen=True, slots=True)
class RoleSession:
    """A session of a role as a caller; the role's id ties it to that one role, not to a later one of its name."""

    account_id: str
    role_name: str
    role_id: str
    session_name: str
    limits: tuple[PolicyDocument, ...] = ()

    @property
    def arn(self) -> str:
        """The ARN that GetCallerIdentity tells."""
        return f"acs:ram::{self.account_id}:assumed-role/{self.role_name.lower()}/{self.session_name}"


@dataclass(frozen=True, slots=True)
class Anonymous:
    """Whoever makes a call that takes no key."""

    account_id: str
    arn: str = ""


Principal = Root | UserPrincipal | RoleSession | Anonymous


@dataclass(frozen=True, slots=True)
class Credential:
    """A temporary credential of a role session, as STS and the metadata service hand it out."""

    access_key_id: str
    secret: str
    security_token: str
    issued: datetime
    expiration: datetime
    session: RoleSession


class Account:
    """Users, groups, keys, live credentials and identity providers of the one account that is simulated.

    `key_sets` are files with the keys of issuers of tokens, by issuer: what the issuers' addresses would answer.
    `last_used` says when a long-lived key signed a call of the API; requests to OSS do not count.
    """

    def __init__(self, account_id: str) -> None:
        self.account_id = account_id
        self.root = Root(account_id)
        self.anonymous = Anonymous(account_id)
        self.people = People()
        self.settings = AccountSettings()
        self._keys: dict[str, AccessKey] = {}
        self._credentials: dict[str, Credential] = {}
        self.identity_providers: Registry[IdentityProvider] = Registry()
        self.saml_providers: Registry[SamlProvider] = Registry()
        self.key_sets: dict[str, Path] = {}
        self.last_used: dict[str, datetime] = {}

    def identity_provider(self, arn: str) -> IdentityProvider | None:
        """Return the OIDC provider of that ARN."""
        own = f"acs:ram::{self.account_id}:oidc-provider/"
        return self.identity_providers.get(arn[len(own) :]) if arn.lower().startswith(own) else None

    def saml_provider(self, arn: str) -> SamlProvider | None:
        """Return the SAML provider of that ARN."""
        own = f"acs:ram::{self.account_id}:saml-provider/"
        return self.saml_providers.get(arn[len(own) :]) if arn.lower().startswith(own) else None

    def add_key(self, key: AccessKey) -> None:
        """Add a long-lived key, or replace the one of its id."""
        self._keys[key.access_key_id] = key

    def key(self, access_key_id: str) -> AccessKey | None:
        """Return a long-lived key."""
        return self._keys.get(access_key_id)

    def keys(self) -> Iterable[AccessKey]:
        """Return all long-lived keys."""
        return self._keys.values()

    def credentials(self) -> Iterable[Credential]:
        """Return all temporary credentials that are remembered."""
        return self._credentials.values()

    def add_credential(self, credential: Credential) -> None:
        """Take a credential back that was issued before."""
        self._credentials[credential.access_key_id] = credential

    def remove_key(self, access_key_id: str) -> None:
        """Remove a long-lived key."""
        del self._keys[access_key_id]
        self.last_used.pop(access_key_id, None)

    def note_use(self, access_key_id: str, now: datetime) -> None:
        """Note that a key has signed a call."""
        if access_key_id in self._keys:
            self.last_used[access_key_id] = now

    def keys_of(self, user_name: str | None) -> list[AccessKey]:
        """Return the keys of a user, of the account itself for None."""
        wanted = user_name and user_name.lower()
        return [key for key in self._keys.values() if (key.user_name and key.user_name.lower()) == wanted]

    def rename_user(self, user: User, name: str) -> None:
        """Give a user another name, that is free; its keys stay its own."""
        for key in self.keys_of(user.name):
            self._keys[key.access_key_id] = replace(key, user_name=name)
        self.people.rename_user(user, name)

    def principal_of(self, key: AccessKey) -> Principal:
        """Return the caller that a long-lived key stands for."""
        user = self.people.users.get(key.user_name) if key.user_name else None
        return UserPrincipal(self.account_id, user.name, user.user_id) if user else self.root

    def issue(self, session: RoleSession, issued: datetime, expiration: datetime) -> Credential:
        """Make a temporary credential for `session`; expired ones are forgotten on the way."""
        if len(self._credentials) % 256 == 255:
            self._forget_expired(issued)
        credential = Credential(
            access_key_id="STS." + random_text(25),
            secret=random_text(44),
            security_token=_TOKEN_HEAD + random_text(160),
            issued=issued,
            expiration=expiration,
            session=session,
        )
        self.add_credential(credential)
        return credential

    def credential(self, access_key_id: str) -> Credential | None:
        """Return a temporary credential, also one that expired a while ago."""
        # "expired" and "unknown" are different errors, so expired ones are kept for a while
        return self._credentials.get(access_key_id)

    def end_sessions(self, role_name: str, session_name: str, now: datetime) -> None:
        """Let the credentials of a role's sessions of that name end at `now`."""
        for key, value in self._credentials.items():
            session = value.session
            if (session.role_name, session.session_name) == (role_name, session_name) and value.expiration > now:
                self._credentials[key] = replace(value, expiration=now)

    def _forget_expired(self, now: datetime) -> None:
        self._credentials = {key: value for key, value in self._credentials.items() if value.expiration > now}


def is_token(text: str) -> bool:
    """Say whether a text has the form of a security token, whosever it is."""
    return text.startswith(_TOKEN_HEAD) and text.isascii() and text.isalnum()


def random_text(length: int) -> str:
    """Return unguessable letters and digits, as in keys and tokens."""
    return "".join(secrets.choice(_KEY_ALPHABET) for _ in range(length))


def random_digits(length: int) -> str:
    """Return a decimal id of `length` digits, as RAM gives users and roles."""
    return "3" + "".join(secrets.choice(string.digits) for _ in range(length - 1))
