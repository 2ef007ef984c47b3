"""Where the operator's own AccessKey comes from, and how it changes while the process runs.

Built by `__main__` from the settings and asked once for each request. An AccessKey that lasts comes from the
environment or from files; temporary ones come from the sources of `sources`, and `temporary` renews them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ram_operator.errors import StartupError

KEY_ID_FILE = "accessKeyId"
KEY_SECRET_FILE = "accessKeySecret"
TOKEN_FILE = "securityToken"

KEY_ID_VARIABLE = "ALIBABA_CLOUD_ACCESS_KEY_ID"
KEY_SECRET_VARIABLE = "ALIBABA_CLOUD_ACCESS_KEY_SECRET"
TOKEN_VARIABLE = "ALIBABA_CLOUD_SECURITY_TOKEN"

_MOUNT = f"mount a Secret with {KEY_ID_FILE} and {KEY_SECRET_FILE} and name its folder in RAM_OPERATOR_CREDENTIALS_DIR"


@dataclass(frozen=True, slots=True)
class Credentials:
    """An AccessKey pair, with a security token where it is a temporary one. Its repr shows no part of it."""

    access_key_id: str
    access_key_secret: str
    security_token: str = ""

    def __repr__(self) -> str:
        return f"Credentials({'temporary' if self.security_token else 'permanent'})"

    def secrets(self) -> tuple[str, ...]:
        """Every text that must not appear in a message."""
        return tuple(text for text in (self.access_key_secret, self.security_token, self.access_key_id) if text)


class NoCredentials(Exception):
    """There are none now. The text says why, and has nothing secret in it."""


class CredentialsProvider(Protocol):
    """Gives the credentials that are valid now."""

    def current(self) -> Credentials:
        """Return them, or raise NoCredentials; called for each request, so it must be quick."""


class EnvironmentCredentials:
    """The AccessKey of environment variables.

    Args:
        values: the environment, or the part of it that the settings read.

    Raises:
        StartupError: a variable is missing or empty.
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        key_id, secret, token = (
            values.get(name, "").strip() for name in (KEY_ID_VARIABLE, KEY_SECRET_VARIABLE, TOKEN_VARIABLE)
        )
        missing = [name for name, value in ((KEY_ID_VARIABLE, key_id), (KEY_SECRET_VARIABLE, secret)) if not value]
        if missing:
            raise StartupError(f"no credentials for Alibaba Cloud: set {' and '.join(missing)}, or {_MOUNT}")
        self._credentials = Credentials(key_id, secret, token)

    def current(self) -> Credentials:
        """Return the values read at the start: an environment does not change."""
        return self._credentials


LOOK_SECONDS = 1.0
"""How often the files of a Secret are looked at: the kubelet replaces them within a minute or two."""

Stamp = tuple[tuple[int, int, int] | None, ...]
"""Inode, modification time and size of each file, None where it does not exist."""


class FileCredentials:
    """The AccessKey of a mounted Secret, read again when its files change.

    Once a pair was read, a folder that is empty or half written keeps it: the kubelet may be just replacing the files.

    Args:
        folder: has the files accessKeyId, accessKeySecret and, for temporary credentials, securityToken.
        clock: monotonic seconds.

    Raises:
        StartupError: a file is missing, empty or unreadable at the start.
    """

    def __init__(self, folder: Path, clock: Callable[[], float]) -> None:
        self._folder = folder
        self._clock = clock
        self._looked_at = clock()
        self._stamp = self._look()
        self._credentials = self._read()

    def current(self) -> Credentials:
        """Return the files' content as it was at most `LOOK_SECONDS` ago."""
        if self._clock() - self._looked_at >= LOOK_SECONDS:
            self._looked_at = self._clock()
            self._reread()
        return self._credentials

    def _reread(self) -> None:
        stamp = self._look()
        if stamp == self._stamp:
            return
        try:
            fresh = self._read()
        except StartupError:
            return
        # Files swapped between two of the reads would give a mixed pair: the next look reads again.
        if self._look() == stamp:
            self._credentials, self._stamp = fresh, stamp

    def _look(self) -> Stamp:
        return tuple(_stamp(self._folder / name) for name in (KEY_ID_FILE, KEY_SECRET_FILE, TOKEN_FILE))

    def _read(self) -> Credentials:
        token = self._folder / TOKEN_FILE
        return Credentials(
            self._text(KEY_ID_FILE), self._text(KEY_SECRET_FILE), self._text(TOKEN_FILE) if token.exists() else ""
        )

    def _text(self, name: str) -> str:
        path = self._folder / name
        try:
            text = path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not a text"
            raise StartupError(f"no credentials for Alibaba Cloud: cannot read {path}: {reason}; {_MOUNT}") from None
        if not text and name != TOKEN_FILE:
            raise StartupError(f"no credentials for Alibaba Cloud: {path} is empty; {_MOUNT}")
        return text


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
