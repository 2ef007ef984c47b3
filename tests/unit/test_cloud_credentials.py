"""Where the operator's AccessKey comes from."""

import os
import time
from itertools import count
from pathlib import Path

import pytest

from ram_operator.cloud.credentials import LOOK_SECONDS, Credentials, EnvironmentCredentials, FileCredentials
from ram_operator.errors import StartupError


def write(folder: Path, **files: str) -> None:
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)


def mount(root: Path, generation: str, **files: str) -> None:
    """Swap the files as the kubelet does: a new folder, and a symbolic link that is replaced in one step."""
    write(root / generation, **files)
    (root / "..new").symlink_to(generation)
    os.replace(root / "..new", root / "..data")
    for name in files:
        if not (root / name).is_symlink():
            (root / name).symlink_to(Path("..data") / name)


def test_the_environment_gives_a_permanent_key() -> None:
    values = {"ALIBABA_CLOUD_ACCESS_KEY_ID": " id ", "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "secret\n"}
    assert EnvironmentCredentials(values).current() == Credentials("id", "secret")


def test_the_environment_gives_a_temporary_key() -> None:
    values = {
        "ALIBABA_CLOUD_ACCESS_KEY_ID": "id",
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "secret",
        "ALIBABA_CLOUD_SECURITY_TOKEN": "token",
    }
    assert EnvironmentCredentials(values).current() == Credentials("id", "secret", "token")


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({}, "ALIBABA_CLOUD_ACCESS_KEY_ID"),
        ({"ALIBABA_CLOUD_ACCESS_KEY_ID": "  "}, "ALIBABA_CLOUD_ACCESS_KEY_ID"),
        ({"ALIBABA_CLOUD_ACCESS_KEY_ID": "id"}, "ALIBABA_CLOUD_ACCESS_KEY_SECRET"),
    ],
)
def test_a_missing_variable_stops_the_start_by_name(values: dict[str, str], named: str) -> None:
    with pytest.raises(StartupError, match=f"set {named}"):
        EnvironmentCredentials(values)


def test_files_give_a_key(tmp_path: Path) -> None:
    write(tmp_path, accessKeyId="id\n", accessKeySecret="secret\n")
    assert FileCredentials(tmp_path, time.monotonic).current() == Credentials("id", "secret")


def test_a_mounted_secret_is_read_again_when_it_is_replaced(tmp_path: Path) -> None:
    mount(tmp_path, "1", accessKeyId="id1", accessKeySecret="secret1")
    now = 0.0
    provider = FileCredentials(tmp_path, lambda: now)
    assert provider.current() == Credentials("id1", "secret1")
    mount(tmp_path, "2", accessKeyId="id2", accessKeySecret="secret2", securityToken="token2")
    now = LOOK_SECONDS
    assert provider.current() == Credentials("id2", "secret2", "token2")


def test_files_are_looked_at_once_a_while_however_many_requests_there_are(tmp_path: Path) -> None:
    mount(tmp_path, "0", accessKeyId="id0", accessKeySecret="secret0")
    now = 0.0
    provider = FileCredentials(tmp_path, lambda: now)
    for number in range(1, 4):
        mount(tmp_path, str(number), accessKeyId=f"id{number}", accessKeySecret=f"secret{number}")
        assert provider.current() == Credentials(f"id{number - 1}", f"secret{number - 1}")
        now += LOOK_SECONDS
        assert provider.current() == Credentials(f"id{number}", f"secret{number}")


def test_a_folder_that_empties_keeps_the_last_key(tmp_path: Path) -> None:
    write(tmp_path, accessKeyId="id", accessKeySecret="secret")
    provider = FileCredentials(tmp_path, count(step=LOOK_SECONDS).__next__)
    (tmp_path / "accessKeySecret").write_text("")
    assert provider.current() == Credentials("id", "secret")
    (tmp_path / "accessKeyId").unlink()
    assert provider.current() == Credentials("id", "secret")
    write(tmp_path, accessKeyId="new", accessKeySecret="newer")
    assert provider.current() == Credentials("new", "newer")


@pytest.mark.parametrize(
    ("files", "complaint"),
    [
        ({}, "cannot read .*accessKeyId: No such file or directory"),
        ({"accessKeyId": "id"}, "cannot read .*accessKeySecret"),
        ({"accessKeyId": "", "accessKeySecret": "secret"}, "accessKeyId is empty"),
        ({"accessKeyId": "id", "accessKeySecret": " \n"}, "accessKeySecret is empty"),
    ],
)
def test_a_missing_or_empty_file_stops_the_start(tmp_path: Path, files: dict[str, str], complaint: str) -> None:
    write(tmp_path, **files)
    with pytest.raises(StartupError, match=complaint) as refused:
        FileCredentials(tmp_path, time.monotonic)
    assert refused.value.__cause__ is None


def test_a_file_that_is_no_text_stops_the_start_without_showing_it(tmp_path: Path) -> None:
    write(tmp_path, accessKeySecret="secret")
    (tmp_path / "accessKeyId").write_bytes(b"\xff\xfe\x00secret")
    with pytest.raises(StartupError, match=r"accessKeyId: not a text; mount a Secret"):
        FileCredentials(tmp_path, time.monotonic)


def test_no_repr_shows_a_secret() -> None:
    credentials = Credentials("LTAIxxxxxxxx", "secret", "token")
    assert repr(credentials) == str(credentials) == f"{credentials}" == "Credentials(temporary)"
    assert repr(Credentials("LTAIxxxxxxxx", "secret")) == "Credentials(permanent)"
