"""Who may use the served app: settings of the login and the list of those let in.

The settings come from a TOML file, which `ECGAPP_SECRETS` names, and from the environment, which
goes before it::

    [auth]                                   # as Streamlit's st.login takes them
    redirect_uri = "https://ecg.example.org/oauth2callback"
    cookie_secret = "..."                    # at least 32 characters
    client_id = "..."
    client_secret = "..."
    server_metadata_url = "https://id.example.org/.well-known/openid-configuration"

    [access]
    users = ["someone@example.org"]          # verified addresses, or the provider's `sub`
    groups = ["cardiology"]                  # any of these in the claim below
    groups_claim = "groups"
    hours = 12                               # after which a login is asked for again
"""

from __future__ import annotations

import ipaddress
import os
import time
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

SECRETS_VARIABLE = "ECGAPP_SECRETS"
# Set by `ecgapp app --without-login` only: whoever reaches the address may use the app.
WITHOUT_LOGIN_VARIABLE = "ECGAPP_WITHOUT_LOGIN"
# Variable -> key of [auth].
LOGIN_VARIABLES = {
    "ECGAPP_OIDC_REDIRECT_URI": "redirect_uri",
    "ECGAPP_OIDC_COOKIE_SECRET": "cookie_secret",
    "ECGAPP_OIDC_CLIENT_ID": "client_id",
    "ECGAPP_OIDC_CLIENT_SECRET": "client_secret",
    "ECGAPP_OIDC_METADATA_URL": "server_metadata_url",
}
USERS_VARIABLE = "ECGAPP_USERS"
GROUPS_VARIABLE = "ECGAPP_GROUPS"
EVERYONE = "*"
# Whoever knows the secret can write the cookie of any user; 128 bits as hexadecimal digits.
_SHORTEST_SECRET = 32
_MOST_HOURS = 12.0


class AccessError(Exception):
    """The settings of the login are incomplete, or contradict each other."""


class Entry(Enum):
    """What becomes of somebody at the door."""

    UNKNOWN = "not logged in"
    OUTSIDER = "logged in, and not on the list"
    WELCOME = "on the list"


@dataclass(frozen=True)
class Access:
    """Who may use the app.

    Attributes
    ----------
    login : dict of str to str
        What Streamlit's login needs; empty where nobody has to log in.
    users : frozenset of str
        Addresses, in small letters, and subjects (``sub``); `EVERYONE` for whoever has an account.
    groups : frozenset of str
    groups_claim : str
        Which claim of the provider names a user's groups.
    hours : float
        How long a login holds.
    """

    login: Mapping[str, str] = field(default_factory=dict)
    users: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    groups_claim: str = "groups"
    hours: float = _MOST_HOURS

    def entry_of(self, claims: Mapping[str, Any], now_s: float | None = None) -> Entry:
        """Decide about somebody.

        Parameters
        ----------
        claims : mapping of str to object
            What the provider says of them, checked; empty for whoever has not logged in.
        now_s : float, optional
            Seconds since 1970.

        Returns
        -------
        Entry
        """
        issued_s = claims.get("iat")
        if not claims.get("sub") or not isinstance(issued_s, int | float):
            return Entry.UNKNOWN
        if (time.time() if now_s is None else now_s) - issued_s > 3600 * self.hours:
            return Entry.UNKNOWN
        names = {str(claims["sub"])}
        # Some providers let anybody write any address into an account, and say so.
        if claims.get("email_verified") is True:
            names.add(str(claims.get("email", "")).lower())
        of_groups = claims.get(self.groups_claim)
        groups = {str(one) for one in of_groups} if isinstance(of_groups, list) else set()
        if EVERYONE in self.users or names & self.users or groups & self.groups:
            return Entry.WELCOME
        return Entry.OUTSIDER


def read_access(environment: Mapping[str, str] = os.environ) -> Access:
    """Read the settings.

    Parameters
    ----------
    environment : mapping of str to str

    Returns
    -------
    Access

    Raises
    ------
    AccessError
        In one sentence: what is missing or wrong.
    """
    content = _read_file(environment.get(SECRETS_VARIABLE, ""))
    login = {key: str(value) for key, value in content.get("auth", {}).items()}
    login |= {
        key: environment[name] for name, key in LOGIN_VARIABLES.items() if name in environment
    }
    said = content.get("access", {})
    users = _names(environment.get(USERS_VARIABLE), said.get("users"))
    groups = _names(environment.get(GROUPS_VARIABLE), said.get("groups"))
    if not login:
        if users or groups:
            raise AccessError("there is a list of who may enter, and no login is set up for them")
        return Access()
    missing = [key for key in LOGIN_VARIABLES.values() if not login.get(key)]
    if missing:
        raise AccessError(f"the login lacks {', '.join(missing)}")
    if len(login["cookie_secret"]) < _SHORTEST_SECRET:
        raise AccessError(
            f"the login's cookie_secret has {len(login['cookie_secret'])} characters and needs at "
            f"least {_SHORTEST_SECRET}; make one with: openssl rand -hex 32"
        )
    if not login["redirect_uri"].endswith("/oauth2callback"):
        raise AccessError("the login's redirect_uri must end with /oauth2callback")
    if not users and not groups:
        raise AccessError(
            f"a login is set up and nobody may enter; name users or groups in [access], or in "
            f"{USERS_VARIABLE} or {GROUPS_VARIABLE} ({EVERYONE} for whoever has an account)"
        )
    return Access(
        login,
        frozenset(name.lower() if "@" in name else name for name in users),
        frozenset(groups),
        str(said.get("groups_claim", "groups")),
        float(said.get("hours", _MOST_HOURS)),
    )


def check_address(
    address: str, access: Access, environment: Mapping[str, str] = os.environ
) -> None:
    """Refuse to serve others than this machine's users without a login, unless told so.

    Parameters
    ----------
    address : str
        To be served at; empty for all of this machine's.
    access : Access
    environment : mapping of str to str

    Raises
    ------
    AccessError
    """
    if access.login or environment.get(WITHOUT_LOGIN_VARIABLE) == "1" or is_loopback(address):
        return
    raise AccessError(
        f"at the address {address or 'of every network'!r} others than this machine's users could "
        "reach the app, and no login is set up; set one up (docs/operations.md), serve 127.0.0.1, "
        "or say --without-login if whoever reaches it may use it"
    )


def is_loopback(address: str) -> bool:
    """Tell whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


def _read_file(name: str) -> Mapping[str, Any]:
    if not name:
        return {}
    try:
        return tomllib.loads(Path(name).read_text())
    except OSError as error:
        raise AccessError(
            f"the file of {SECRETS_VARIABLE} cannot be read: {error.strerror}"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        # What the error says may quote a secret.
        raise AccessError(f"the file of {SECRETS_VARIABLE} is no TOML") from error


def _names(variable: str | None, said: Any) -> list[str]:
    if variable is not None:
        return [name.strip() for name in variable.split(",") if name.strip()]
    if said is None:
        return []
    if not isinstance(said, list):
        raise AccessError("users and groups in [access] must be lists")
    return [str(name) for name in said]
