"""Before every request: who asks, whether they may, and a line to the log."""

import html
import json
import logging
import time
from collections.abc import Mapping
from typing import Any

from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket
from streamlit import runtime
from streamlit.auth_util import encode_provider_token
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME
from streamlit.web.server.starlette.starlette_websocket import _get_signed_cookie_with_chunks

from ecgapp.ecg import DISCLAIMER
from ecgapp.service.access import Access, Entry

LOGIN_PATH = "/login"
# Needed before somebody has logged in, and to log out.
OPEN_PATHS = ("/_stcore/health", "/auth/login", "/auth/logout", "/oauth2callback")
UPLOADS = "/_stcore/upload_file/"
MEDIA = "/media/"
# What a line of the log names; any other path may hold text of a visitor.
KNOWN_PATHS = (*OPEN_PATHS, LOGIN_PATH, UPLOADS, MEDIA, "/_stcore/", "/static/", "/component/")
REFUSED_SOCKET = 4403
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>ECG sheet reader</title>
<meta name="viewport" content="width=device-width"></head>
<body style="font:1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:4rem auto;padding:0 1rem">
<h1 style="font-size:1.6rem">ECG sheet reader</h1><p>{said}</p>
<p><a href="{to}">{link}</a></p><p><small>{disclaimer}</small></p></body></html>"""

_LOG = logging.getLogger("ecgapp.requests")


class Gate:
    """Lets in whoever is on the list, and notes every request.

    Parameters
    ----------
    app : ASGI application
    access : Access
    """

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        start, status = time.monotonic(), 0

        async def note_status(message: Message) -> None:
            nonlocal status
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                status = message["status"]
            elif message["type"] == "websocket.accept":
                status = 101
            elif message["type"] == "websocket.close" and not status:
                status = 403
            await send(message)

        try:
            refusal = self._refusal(scope)
            if refusal is None:
                await self._app(scope, receive, note_status)
            elif scope["type"] == "websocket":
                await WebSocket(scope, receive, note_status).close(REFUSED_SOCKET)
            else:
                await refusal(scope, receive, note_status)
        finally:
            _LOG.info(
                "request method=%s path=%s status=%d ms=%d",
                scope.get("method", "WEBSOCKET"),
                known_path(scope["path"]),
                status,
                round(1e3 * (time.monotonic() - start)),
            )

    def _refusal(self, scope: Scope) -> Response | None:
        """What somebody who may not have what they ask for gets instead."""
        path = scope["path"]
        if not self._access.login or path in OPEN_PATHS:
            return None
        if path == LOGIN_PATH:
            token = encode_provider_token("default")
            return RedirectResponse(f"/auth/login?provider={token}", 302)
        claims = claims_of(HTTPConnection(scope).cookies)
        entry = self._access.entry_of(claims)
        if entry is Entry.UNKNOWN:
            return _page(401, "Please log in to use this app.", LOGIN_PATH, "Log in")
        if entry is Entry.OUTSIDER:
            said = (
                "Your account is known, and it is not on the list of those who may use this app. "
                "Please ask whoever runs it."
            )
            return _page(403, said, "/auth/logout", "Log out")
        if not belongs_to(path, str(claims["sub"])):
            return PlainTextResponse("Not found", 404)
        return None


def claims_of(cookies: dict[str, str]) -> Mapping[str, Any]:
    """Read what the provider said of a visitor out of the signed cookie.

    Parameters
    ----------
    cookies : dict of str to str
        Of the request.

    Returns
    -------
    mapping of str to object
        Empty where there is no cookie, or one that this server did not sign.
    """
    content = _get_signed_cookie_with_chunks(cookies, USER_COOKIE_NAME)
    try:
        claims = json.loads(content) if content else {}
    except ValueError:
        return {}
    return claims if isinstance(claims, dict) and claims.get("is_logged_in") is True else {}


def belongs_to(path: str, subject: str) -> bool:
    """Tell whether an address of an upload or a picture is of one of this user's sessions."""
    if path.startswith(UPLOADS):
        return subject in _subjects([path.removeprefix(UPLOADS).split("/")[0]])
    if path.startswith(MEDIA):
        number = path.removeprefix(MEDIA).partition(".")[0]
        shown: Any = runtime.get_instance().media_file_mgr
        holders = [
            session
            for session, files in list(shown._files_by_session_and_coord.items())
            if number in list(files.values())
        ]
        return subject in _subjects(holders)
    return True


def _subjects(sessions: list[str]) -> set[str]:
    """Whose sessions these are."""
    manager: Any = runtime.get_instance()._session_mgr
    found = (manager.get_session_info(session) for session in sessions)
    return {str(one.session._user_info.get("sub")) for one in found if one is not None}


def known_path(path: str) -> str:
    """Shorten a path to what holds no text of a visitor."""
    return next((known for known in KNOWN_PATHS if path.startswith(known)), "/")


def _page(status: int, said: str, to: str, link: str) -> Response:
    content = PAGE.format(said=said, to=to, link=link, disclaimer=html.escape(DISCLAIMER))
    return HTMLResponse(content, status, {"Cache-Control": "no-store"})
