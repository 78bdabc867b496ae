"""Who is let in, and at which address nobody is served."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from paths import ROOT

from ecgapp.service.access import (
    Access,
    AccessError,
    Entry,
    check_address,
    is_loopback,
    read_access,
)

LOGIN = {
    "ECGAPP_OIDC_REDIRECT_URI": "https://ecg.example.org/oauth2callback",
    "ECGAPP_OIDC_COOKIE_SECRET": "0" * 32,
    "ECGAPP_OIDC_CLIENT_ID": "ecgapp",
    "ECGAPP_OIDC_CLIENT_SECRET": "secret",
    "ECGAPP_OIDC_METADATA_URL": "https://id.example.org/.well-known/openid-configuration",
}
NOW_S = 1_000_000.0


@pytest.mark.parametrize(
    ("claims", "entry"),
    [
        ({}, Entry.UNKNOWN),
        ({"sub": "1", "iat": NOW_S - 13 * 3600}, Entry.UNKNOWN),
        ({"sub": "1", "iat": NOW_S}, Entry.OUTSIDER),
        ({"sub": "7", "iat": NOW_S}, Entry.WELCOME),
        ({"sub": "1", "iat": NOW_S, "email": "A@x.org", "email_verified": True}, Entry.WELCOME),
        ({"sub": "1", "iat": NOW_S, "email": "a@x.org"}, Entry.OUTSIDER),
        ({"sub": "1", "iat": NOW_S, "groups": ["wards", "heart"]}, Entry.WELCOME),
        ({"sub": "1", "iat": NOW_S, "groups": "heart"}, Entry.OUTSIDER),
    ],
)
def test_who_is_let_in(claims: dict, entry: Entry) -> None:
    access = Access({"client_id": "x"}, frozenset({"a@x.org", "7"}), frozenset({"heart"}))
    assert access.entry_of(claims, NOW_S) is entry


def test_settings_come_from_a_file_and_from_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "secrets.toml"
    file.write_text(
        '[auth]\nclient_secret = "of the file"\n[access]\nusers = ["A@x.org"]\nhours = 1\n'
    )
    environment = {**LOGIN, "ECGAPP_SECRETS": str(file)}
    access = read_access(environment)
    assert access.users == {"a@x.org"}
    assert access.login["client_secret"] == "secret"
    assert access.hours == 1
    assert read_access({**environment, "ECGAPP_USERS": "7, b@x.org"}).users == {"7", "b@x.org"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"ECGAPP_OIDC_CLIENT_ID": ""}, "lacks client_id"),
        ({"ECGAPP_OIDC_COOKIE_SECRET": "short"}, "at least 32"),
        ({"ECGAPP_OIDC_REDIRECT_URI": "https://x.org/"}, "/oauth2callback"),
        ({"ECGAPP_USERS": ""}, "nobody may enter"),
        ({"ECGAPP_SECRETS": "/nowhere"}, "cannot be read"),
    ],
)
def test_settings_that_would_leave_a_door_open_are_refused(change: dict, said: str) -> None:
    with pytest.raises(AccessError, match=said):
        read_access({**LOGIN, "ECGAPP_USERS": "7", **change})
    with pytest.raises(AccessError, match="no login"):
        read_access({"ECGAPP_USERS": "7"})


def test_an_open_address_needs_a_login_or_plain_words() -> None:
    assert all(map(is_loopback, ("127.0.0.1", "127.1.2.3", "::1", "localhost")))
    for address in ("0.0.0.0", "::", "192.168.1.7", "ecg.example.org", ""):
        with pytest.raises(AccessError, match="without-login"):
            check_address(address, Access(), {})
        check_address(address, Access({"client_id": "x"}), {})
        check_address(address, Access(), {"ECGAPP_WITHOUT_LOGIN": "1"})
    check_address("127.0.0.1", Access(), {})


def test_the_app_does_not_start_at_an_open_address_without_a_login() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ecgapp", "app", "--address", "0.0.0.0", "--port", "9"],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith("ECGAPP_")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "no login is set up" in done.stderr
    assert "Traceback" not in done.stderr
