"""Who gets in: against a server that really runs and an OpenID provider on loopback."""

import asyncio
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import oidc_provider_mock
import pytest
from doubtful_sheet import doubtful_sheet
from free_port import free_port, wait_until_healthy
from paths import ROOT
from streamlit_client import Visitor
from websockets.exceptions import InvalidStatus

pytestmark = pytest.mark.slow

CLAIMS = {
    "alice": {"email": "Alice@example.org", "email_verified": True},
    "bob": {"groups": ["cardiology"]},
    "mallory": {"email": "alice@example.org"},
}


@dataclass(frozen=True)
class Served:
    host: str
    log: Path

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=f"http://{self.host}", follow_redirects=True, timeout=60)

    def log_in(self, name: str) -> httpx.Client:
        """Log in as somebody, at the provider's own page."""
        client = self.client()
        asked = client.get("/login")
        assert "oauth2/authorize" in str(asked.url)
        answer = client.post(asked.url, data={"sub": name})
        assert str(answer.url).startswith(f"http://{self.host}/")
        return client


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    users = [oidc_provider_mock.User(sub=name, claims=said) for name, said in CLAIMS.items()]
    log = tmp_path_factory.mktemp("login") / "log"
    with oidc_provider_mock.run_server_in_thread(user_claims=users) as provider:
        host = f"127.0.0.1:{free_port()}"
        environment = {
            **os.environ,
            "ECGAPP_OIDC_REDIRECT_URI": f"http://{host}/oauth2callback",
            "ECGAPP_OIDC_COOKIE_SECRET": "0123456789abcdef" * 4,
            "ECGAPP_OIDC_CLIENT_ID": "ecgapp",
            "ECGAPP_OIDC_CLIENT_SECRET": "secret",
            "ECGAPP_OIDC_METADATA_URL": (
                f"http://localhost:{provider.server_port}/.well-known/openid-configuration"
            ),
            "ECGAPP_USERS": "alice@example.org",
            "ECGAPP_GROUPS": "cardiology",
        }
        with log.open("wb") as file:
            server = subprocess.Popen(
                [sys.executable, "-m", "ecgapp", "app", "--port", host.split(":")[1]],
                cwd=ROOT, env=environment, stdout=file, stderr=file,
            )  # fmt: skip
        try:
            wait_until_healthy(host, server)
            yield Served(host, log)
        finally:
            server.terminate()
            server.wait(20)


def cookie_of(client: httpx.Client) -> dict[str, str]:
    return {"Cookie": "; ".join(f"{name}={value}" for name, value in client.cookies.items())}


def test_nothing_works_without_a_login(served: Served) -> None:
    client = served.client()
    assert client.get("/_stcore/health").status_code == 200
    page = client.get("/")
    assert page.status_code == 401
    assert 'href="/login"' in page.text
    for path in ("/evaluation", "/_stcore/host-config", "/media/0.jpg", "/static/x.js"):
        assert client.get(path).status_code == 401, path
    assert client.put("/_stcore/upload_file/a/b", files={"f": b"0"}).status_code == 401
    forged = {"Cookie": '_streamlit_user="{\\"is_logged_in\\": true, \\"sub\\": \\"alice\\"}"'}
    assert client.get("/", headers=forged).status_code == 401
    with pytest.raises(InvalidStatus, match="403"):
        asyncio.run(Visitor(served.host).open())


def test_users_and_groups_of_the_list_get_in_and_out_again(served: Served) -> None:
    for name in ("alice", "bob"):
        client = served.log_in(name)
        assert client.get("/").status_code == 200
        visitor = Visitor(served.host, cookie_of(client))
        shown = asyncio.run(visitor.open())
        assert shown.uploader
        assert "Log out" in shown.text
        client.get("/auth/logout")
        assert client.get("/").status_code == 401


def test_somebody_outside_the_list_is_turned_away(served: Served) -> None:
    # The address is Alice's, and nobody has verified that it is Mallory's.
    client = served.log_in("mallory")
    page = client.get("/")
    assert page.status_code == 403
    assert "not on the list" in page.text
    with pytest.raises(InvalidStatus, match="403"):
        asyncio.run(Visitor(served.host, cookie_of(client)).open())


def test_pictures_and_uploads_are_their_users_alone(served: Served) -> None:
    sheet = doubtful_sheet()
    alice, bob = served.log_in("alice"), served.log_in("bob")

    async def upload() -> tuple[str, str]:
        visitor = Visitor(served.host, cookie_of(alice))
        shown = await visitor.open()
        shown = await visitor.upload(shown.uploader, "secret name.png", sheet)
        assert "This file was not read" in shown.text
        picture = shown.media[0]
        assert alice.get(picture).status_code == 200
        assert bob.get(picture).status_code == 404
        assert served.client().get(picture).status_code == 401
        stolen = f"/_stcore/upload_file/{visitor.session}/number"
        assert bob.put(stolen, files={"f": b"0"}).status_code == 404
        await visitor.close()
        return picture, visitor.session

    picture, session = asyncio.run(upload())
    time.sleep(0.2)  # for the log
    log = served.log.read_text()
    for secret in ("secret name", Path(picture).stem, session, "alice", "cardiology"):
        assert secret not in log, secret
    assert re.search(r"request method=GET path=/media/ status=200 ms=\d+", log)
    assert re.search(r"reading outcome=\w+ bytes=\d+ waited_ms=\d+ took_ms=\d+", log)
