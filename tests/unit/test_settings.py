"""The settings: every variable is read, a wrong one is named with what it may be, and no secret shows."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ram_operator.errors import StartupError
from ram_operator.settings import PREFIX, Settings, described, from_environment, variables

READ: list[tuple[str, str, str, Any]] = [
    ("CLUSTER_ID", "c-1", "cluster_id", "c-1"),
    ("CLUSTER_ID", "prod@eu", "cluster_id", "prod@eu"),
    ("PREVIOUS_CLUSTER_IDS", "a, b,,c ", "previous_cluster_ids", ("a", "b", "c")),
    ("PREVIOUS_CLUSTER_IDS", "prod@eu/8a2f,b(c)", "previous_cluster_ids", ("prod@eu/8a2f", "b(c)")),
    ("SWEEP_INTERVAL_SECONDS", "5", "sweep_interval_seconds", 5.0),
    ("SWEEP_INTERVAL_SECONDS", "0.5", "sweep_interval_seconds", 0.5),
    ("FULL_CHECK_INTERVAL_SECONDS", "60", "full_check_interval_seconds", 60.0),
    ("NODE_GONE_SECONDS", "0", "node_gone_seconds", 0.0),
    ("REGION", "cn-beijing", "region", "cn-beijing"),
    ("ENDPOINT_RAM", "http://127.0.0.1:1", "endpoint_ram", "http://127.0.0.1:1"),
    ("ENDPOINT_ECS", "http://127.0.0.1:1", "endpoint_ecs", "http://127.0.0.1:1"),
    ("ENDPOINT_STS", "http://127.0.0.1:1", "endpoint_sts", "http://127.0.0.1:1"),
    ("HTTPS_PROXY", "http://proxy:3128", "https_proxy", "http://proxy:3128"),
    ("NO_PROXY", "internal,.local", "no_proxy", ("internal", ".local")),
    ("CA_BUNDLE", "/etc/ca.pem", "ca_bundle", Path("/etc/ca.pem")),
    ("CREDENTIALS_SOURCE", "static", "credentials_source", "static"),
    ("ROLE_ARN", "acs:ram::1:role/r", "role_arn", "acs:ram::1:role/r"),
    ("OIDC_PROVIDER_ARN", "acs:ram::1:oidc-provider/p", "oidc_provider_arn", "acs:ram::1:oidc-provider/p"),
    ("OIDC_TOKEN_FILE", "/var/run/token", "oidc_token_file", Path("/var/run/token")),
    ("ROLE_SESSION_NAME", "me", "role_session_name", "me"),
    ("SESSION_POLICY", "{}", "session_policy", "{}"),
    ("CREDENTIALS_URI", "http://127.0.0.1:1/x", "credentials_uri", "http://127.0.0.1:1/x"),
    ("METADATA_ENDPOINT", "http://127.0.0.1:1", "metadata_endpoint", "http://127.0.0.1:1"),
    ("CREDENTIALS_DIR", "/var/run/x", "credentials_dir", Path("/var/run/x")),
    ("READ_ONLY", "true", "read_only", True),
    ("PROTECTED_ROLES", "a,b-*", "protected_roles", ("a", "b-*")),
    ("ALLOWED_ROLES", "d,e-*", "allowed_roles", ("d", "e-*")),
    ("ALLOW_NON_NODE_INSTANCES", "true", "allow_non_node_instances", True),
    ("REQUIRED_INSTANCE_TAG", "k=v", "required_instance_tag", "k=v"),
    ("MARK_NODES", "true", "mark_nodes", True),
    ("RESTORABLE_ROLES", "c", "restorable_roles", ("c",)),
    ("LEASE_NAMESPACE", "ram", "lease_namespace", "ram"),
    ("LEASE_NAME", "another", "lease_name", "another"),
    ("WORKERS", "1", "workers", 1),
    ("QUOTA_FACTOR", "2.5", "quota_factor", 2.5),
    ("SYSTEM_POLICIES_PER_ROLE", "25", "system_policies_per_role", 25),
    ("CUSTOM_POLICIES_PER_ROLE", "15", "custom_policies_per_role", 15),
    ("DENIED_ACTIONS", "*", "denied_actions", ("*",)),
    ("ALLOWED_ACTIONS", "ram:PassRole", "allowed_actions", ("ram:PassRole",)),
    ("ALLOWED_SYSTEM_POLICIES", "none", "allowed_system_policies", ()),
    ("DENIED_SYSTEM_POLICIES", "AliyunRAM*", "denied_system_policies", ("AliyunRAM*",)),
    ("ALLOWED_TRUST_PRINCIPALS", "fc.aliyuncs.com", "allowed_trust_principals", ("fc.aliyuncs.com",)),
    ("ALLOWED_GRANTEES", "user/*,role/a", "allowed_grantees", ("user/*", "role/a")),
    ("PROTECTED_POLICIES", "a*,b", "protected_policies", ("a*", "b")),
    ("LISTEN", "127.0.0.1:0", "listen", "127.0.0.1:0"),
    ("LOG_LEVEL", "debug", "log_level", "debug"),
    ("LOG_FORMAT", "plain", "log_format", "plain"),
]


def test_without_variables_every_setting_has_its_default() -> None:
    assert from_environment({}) == Settings()


def test_the_table_names_every_setting() -> None:
    assert {field for _, _, field, _ in READ} == Settings.__dataclass_fields__.keys() - {"credentials"}


@pytest.mark.parametrize(("variable", "text", "field", "value"), READ, ids=[f"{row[0]}={row[1]}" for row in READ])
def test_a_variable_sets_its_field_and_no_other(variable: str, text: str, field: str, value: Any) -> None:
    settings = from_environment({PREFIX + variable: text})
    assert getattr(settings, field) == value
    others = Settings.__dataclass_fields__.keys() - {field}
    assert all(getattr(settings, other) == getattr(Settings(), other) for other in others)


def test_a_default_is_read_back_as_it_is_printed() -> None:
    assert from_environment({name: default for name, default, _ in variables()}) == Settings()


LISTS = [variable for variable, _, field, _ in READ if isinstance(getattr(Settings(), field), tuple)]


@pytest.mark.parametrize("variable", LISTS)
def test_none_alone_is_an_empty_list(variable: str) -> None:
    assert getattr(from_environment({PREFIX + variable: " none "}), variable.lower()) == ()


NO_LISTS = [",", " ", "none,none", "none,a", "('a:b', 'c:d')", "['a']", "a b", '"a:b"', "a;b", "a\tb"]


@pytest.mark.parametrize("text", NO_LISTS)
@pytest.mark.parametrize("variable", LISTS)
def test_a_list_that_says_nothing_stops_the_start_and_never_becomes_an_empty_one(variable: str, text: str) -> None:
    with pytest.raises(StartupError, match=f"^{PREFIX}{variable} .*: write "):
        from_environment({PREFIX + variable: text})


@pytest.mark.parametrize("variable", sorted({variable for variable, *_ in READ}))
def test_an_empty_variable_is_as_if_it_were_not_set(variable: str) -> None:
    assert from_environment({PREFIX + variable: ""}) == Settings()


WRONG = [
    ("SWEEP_INTERVAL_SECONDS", "soon"),
    ("SWEEP_INTERVAL_SECONDS", "0"),
    ("SWEEP_INTERVAL_SECONDS", "-1"),
    ("SWEEP_INTERVAL_SECONDS", "nan"),
    ("SWEEP_INTERVAL_SECONDS", "inf"),
    ("FULL_CHECK_INTERVAL_SECONDS", "0"),
    ("NODE_GONE_SECONDS", "-5"),
    ("NODE_GONE_SECONDS", "nan"),
    ("WORKERS", "0"),
    ("WORKERS", "1.5"),
    ("SYSTEM_POLICIES_PER_ROLE", "-1"),
    ("CUSTOM_POLICIES_PER_ROLE", "many"),
    ("PROTECTED_ROLES", "KubernetesWorkerRole-*,acs:ram::1:role/x"),
    ("RESTORABLE_ROLES", "a role"),
    ("ALLOWED_ROLES", "role/x"),
    ("PROTECTED_POLICIES", "acs:ram::1:policy/x"),
    ("NO_PROXY", "internal,http://proxy:1"),
    ("DENIED_ACTIONS", "ram"),
    ("DENIED_ACTIONS", "('ram:*', 'sts:*')"),
    ("ALLOWED_ACTIONS", "ram:"),
    ("ALLOWED_TRUST_PRINCIPALS", "ecs"),
    ("ALLOWED_TRUST_PRINCIPALS", "acs:ram::*:root"),
    ("ALLOWED_GRANTEES", "dev"),
    ("DENIED_SYSTEM_POLICIES", "acs:ram::1:policy/x"),
    ("PREVIOUS_CLUSTER_IDS", "{a}"),
    ("PREVIOUS_CLUSTER_IDS", "a b"),
    ("PREVIOUS_CLUSTER_IDS", "a" * 129),
    ("CLUSTER_ID", "a,b"),
    ("CLUSTER_ID", "prod eu"),
    ("ALLOWED_SYSTEM_POLICIES", "system/AliyunECSReadOnlyAccess"),
    ("REGION", "CN Hangzhou"),
    ("LEASE_NAME", "My Lease"),
    ("LEASE_NAMESPACE", "kube_system"),
    ("LOG_LEVEL", "LOUD"),
    ("LOG_FORMAT", "xml"),
    ("LISTEN", "8080"),
    ("LISTEN", "0.0.0.0:"),
    ("LISTEN", "0.0.0.0:70000"),
    ("LISTEN", ":8080"),
    ("HTTPS_PROXY", "proxy:3128"),
    ("HTTPS_PROXY", "https://proxy:3128"),
    ("HTTPS_PROXY", "http://proxy"),
    ("HTTPS_PROXY", "http://proxy:port"),
    ("HTTPS_PROXY", "http://proxy:3128/path"),
    ("CREDENTIALS_SOURCE", "anything"),
    ("CREDENTIALS_URI", "http://example.com/keys"),
    ("CREDENTIALS_URI", "keys"),
    ("ROLE_ARN", "role/r"),
    ("METADATA_ENDPOINT", "http://example.com"),
    ("SESSION_POLICY", "[]"),
    ("SESSION_POLICY", "{"),
    ("ENDPOINT_RAM", "http://ram.aliyuncs.com"),
    ("ENDPOINT_ECS", "https://ecs.aliyuncs.com/path"),
    ("ENDPOINT_STS", "https://user:secret@sts.aliyuncs.com"),
]


@pytest.mark.parametrize(("variable", "text"), WRONG, ids=[f"{variable}={text}" for variable, text in WRONG])
def test_a_wrong_value_stops_the_start_with_the_variable_and_what_it_may_be(variable: str, text: str) -> None:
    with pytest.raises(StartupError) as caught:
        from_environment({PREFIX + variable: text})
    assert str(caught.value).startswith(PREFIX + variable)
    assert "write" in str(caught.value)


@pytest.mark.parametrize(
    ("source", "missing"),
    [("oidc", ["ROLE_ARN", "OIDC_PROVIDER_ARN", "OIDC_TOKEN_FILE"]), ("uri", ["CREDENTIALS_URI"])],
)
def test_a_source_of_credentials_names_all_that_it_lacks(source: str, missing: list[str]) -> None:
    with pytest.raises(StartupError) as caught:
        from_environment({PREFIX + "CREDENTIALS_SOURCE": source})
    assert all(PREFIX + variable in str(caught.value) for variable in missing)


def test_the_token_of_the_cluster_is_never_sent_without_tls() -> None:
    given = {"CREDENTIALS_SOURCE": "oidc", "ENDPOINT_STS": "http://127.0.0.1:7780"}
    with pytest.raises(StartupError, match=f"{PREFIX}ENDPOINT_STS would be sent the cluster's token without TLS"):
        from_environment({PREFIX + name: text for name, text in given.items()})


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(StartupError) as caught:
        from_environment({PREFIX + variable: text for variable, text in WRONG})
    assert all(PREFIX + variable in str(caught.value) for variable, _ in WRONG)


FILES = {
    "static": ("CREDENTIALS_DIR", "accessKeyId: No such file or directory; mount a Secret with accessKeyId and"),
    "oidc": ("OIDC_TOKEN_FILE", "No such file or directory; project a token of the ServiceAccount"),
}


@pytest.mark.parametrize("source", FILES)
def test_wrong_values_and_files_that_cannot_be_used_are_told_in_one_line_with_what_to_do(
    source: str, tmp_path: Path
) -> None:
    variable, remedy = FILES[source]
    bundle = tmp_path / "ca.pem"
    bundle.write_text("no certificate")
    given = {
        "WORKERS": "many",
        "LISTEN": "8080",
        "DENIED_ACTIONS": "no action",
        "CREDENTIALS_SOURCE": source,
        variable: str(tmp_path / "nowhere"),
        "CA_BUNDLE": str(bundle),
    }
    started = subprocess.run(
        [sys.executable, "-m", "ram_operator"],
        env={PREFIX + name: text for name, text in given.items()},
        capture_output=True,
        text=True,
        timeout=60,
    )
    (line,) = started.stderr.splitlines()
    assert (started.returncode, started.stdout) == (1, "")
    message = json.loads(line)["message"]
    assert f"{PREFIX}WORKERS is 'many': write a number" in message
    assert f"{PREFIX}LISTEN is '8080': write address:port" in message
    assert f"{PREFIX}DENIED_ACTIONS" in message
    assert f"{tmp_path}/nowhere" in message
    assert remedy in message
    assert f"{PREFIX}CA_BUNDLE: cannot use {bundle}: there is no certificate in it; name a file" in message


def test_a_password_of_a_proxy_is_not_repeated() -> None:
    with pytest.raises(StartupError) as caught:
        from_environment(
            {PREFIX + "HTTPS_PROXY": "user:secret@proxy", PREFIX + "ENDPOINT_RAM": "https://user:secret@ram"}
        )
    assert "secret" not in str(caught.value)
    assert "secret" not in repr(from_environment({PREFIX + "HTTPS_PROXY": "http://user:secret@proxy:1"}))


def test_help_names_every_variable_with_its_default() -> None:
    told = described()
    for variable, *_ in READ:
        assert f"  {PREFIX}{variable}\n" in told
    assert "such as http://proxy:3128" in told
    assert "Default: 0.0.0.0:8080" in told
    for name, default, _ in variables():
        entry = " ".join(told.partition(f"  {name}\n")[2].partition("\n  RAM_OPERATOR_")[0].split())
        assert not default or f"Default: {default}" in entry
    assert "ALIBABA_CLOUD_ACCESS_KEY_ID" in told
    assert max(map(len, told.splitlines())) <= 100


def test_what_kubernetes_sets_for_a_service_of_our_name_is_no_setting() -> None:
    service = {
        "RAM_OPERATOR_PORT": "tcp://10.0.0.1:8080",
        "RAM_OPERATOR_SERVICE_HOST": "10.0.0.1",
        "RAM_OPERATOR_PORT_8080_TCP": "tcp://10.0.0.1:8080",
        "RAM_OPERATOR_CREDENTIALS": "x",
    }
    assert from_environment(service) == Settings()


def test_credentials_are_kept_and_never_shown() -> None:
    secret = {"ALIBABA_CLOUD_ACCESS_KEY_ID": "key-id", "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "key-secret"}
    settings = from_environment({**secret, "ALIBABA_CLOUD_SECURITY_TOKEN": "", "OTHER": "x"})
    assert settings.credentials == secret
    assert "key-" not in repr(settings)
