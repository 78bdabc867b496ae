"""Two replicas behind the proxy's configuration that ships, with a real nginx."""

import asyncio
import http.client
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from string import Template

import httpx
import pytest
import yaml
from doubtful_sheet import doubtful_sheet
from free_port import free_port, wait_until_healthy
from paths import ROOT
from streamlit_client import Visitor

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
COOKIE = "ecgapp_replica"
MAIN = """
daemon off; worker_processes 1; pid {folder}/pid; error_log stderr;
events {{ worker_connections 256; }}
http {{
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/ecgapp.conf;
}}
"""

pytestmark = pytest.mark.skipif(NGINX is None, reason="no nginx on this machine")


@dataclass
class Proxied:
    host: str
    replicas: list[subprocess.Popen]


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    folder = tmp_path_factory.mktemp("nginx")
    ports = [free_port() for _ in range(3)]
    # safe_substitute leaves nginx's own variables, as envsubst in its image does.
    template = Template((ROOT / "deploy" / "nginx.conf.template").read_text())
    text = template.safe_substitute(
        LISTEN=f"127.0.0.1:{ports[0]}",
        REPLICA_1=f"127.0.0.1:{ports[1]}",
        REPLICA_2=f"127.0.0.1:{ports[2]}",
    )
    (folder / "ecgapp.conf").write_text(text)
    (folder / "nginx.conf").write_text(MAIN.format(folder=folder))
    replicas = [
        subprocess.Popen(
            [sys.executable, "-m", "ecgapp", "app", "--port", str(port)],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=(folder / f"replica_{port}").open("wb"),
        )
        for port in ports[1:]
    ]
    assert NGINX is not None
    proxy = subprocess.Popen([NGINX, "-c", folder / "nginx.conf", "-p", folder])
    try:
        for port, replica in zip(ports[1:], replicas, strict=True):
            wait_until_healthy(f"127.0.0.1:{port}", replica)
        wait_until_healthy(f"127.0.0.1:{ports[0]}", proxy)
        yield Proxied(f"127.0.0.1:{ports[0]}", replicas)
    finally:
        for process in [proxy, *replicas]:
            process.terminate()
        for process in [proxy, *replicas]:
            process.wait(20)


def routes(proxied: Proxied, most: int = 40) -> list[str]:
    """Cookies of two visitors of whom each has another replica."""
    seen: dict[str, str] = {}
    for _ in range(most):
        answer = httpx.get(f"http://{proxied.host}/_stcore/health")
        route = answer.cookies[COOKIE]
        with httpx.Client(cookies={COOKIE: route}) as client:
            for replica in replicas_after(proxied, client):
                seen.setdefault(replica, route)
        if len(seen) == 2:
            return list(seen.values())
    raise AssertionError("both replicas should get visitors")


def replicas_after(proxied: Proxied, client: httpx.Client) -> set[str]:
    """Which replicas answer a visitor's requests: the log of each grows with its own."""
    before = [log_size(one) for one in proxied.replicas]
    for _ in range(3):
        client.get(f"http://{proxied.host}/_stcore/health")
    time.sleep(0.05)
    grown = [log_size(one) > size for one, size in zip(proxied.replicas, before, strict=True)]
    return {str(number) for number, more in enumerate(grown) if more}


def log_size(replica: subprocess.Popen) -> int:
    return Path(f"/proc/{replica.pid}/fd/2").stat().st_size


def test_a_visitor_stays_with_one_replica_and_is_served_whole(proxied: Proxied) -> None:
    sheet = doubtful_sheet()

    async def visit(route: str) -> None:
        visitor = Visitor(proxied.host, {"Cookie": f"{COOKIE}={route}"})
        shown = await visitor.open()
        shown = await visitor.upload(shown.uploader, "a.png", sheet)
        assert "This file was not read" in shown.text
        status, _, content = await visitor.request("GET", shown.media[0])
        assert (status, content[:2]) == (200, b"\xff\xd8")
        await visitor.close()

    async def visit_all() -> None:
        # On another replica the upload would meet no session, and the picture would not be found.
        await asyncio.gather(*(visit(route) for route in routes(proxied)))

    for route in routes(proxied):
        with httpx.Client(cookies={COOKIE: route}) as client:
            assert len(replicas_after(proxied, client)) == 1
    asyncio.run(visit_all())


def test_answers_carry_the_security_headers_and_tell_no_version(proxied: Proxied) -> None:
    for path in ("/", "/_stcore/health", "/nowhere/at/all"):
        headers = httpx.get(f"http://{proxied.host}{path}").headers
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"
        assert "max-age" in headers["strict-transport-security"]
        assert "camera=()" in headers["permissions-policy"]
        assert headers["server"] == "nginx"
    assert httpx.get(f"http://{proxied.host}/_stcore/metrics").status_code == 404


def test_too_large_an_upload_is_refused_by_the_proxy(proxied: Proxied) -> None:
    connection = http.client.HTTPConnection(proxied.host, timeout=20)
    connection.putrequest("PUT", "/")
    connection.putheader("Content-Length", "200000000")
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()


def test_the_other_replica_takes_over(proxied: Proxied) -> None:
    two = routes(proxied)
    lost = proxied.replicas[0]
    lost.terminate()
    lost.wait(20)

    async def visit(route: str) -> None:
        visitor = Visitor(proxied.host, {"Cookie": f"{COOKIE}={route}"})
        assert (await visitor.open()).uploader
        await visitor.close()

    for route in two:
        asyncio.run(visit(route))


def test_compose_runs_two_replicas_that_ask_for_a_login() -> None:
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    replicas = [services["app1"], services["app2"]]
    for replica in replicas:
        assert "--without-login" not in replica["command"]
        assert replica["read_only"] is True
        assert replica["cap_drop"] == ["ALL"]
        assert "ports" not in replica
    for name in ("REPLICA_1", "REPLICA_2"):
        assert services["proxy"]["environment"][name].split(":")[0] in services
