"""A visitor without a browser: speaks to a running server as Streamlit's page does."""

import asyncio
import http.client
import uuid
from dataclasses import dataclass, field
from http.cookies import SimpleCookie

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

MAX_MESSAGE_BYTES = 64_000_000
COOKIE_OF_FORMS = "_streamlit_xsrf"


@dataclass
class Shown:
    """What one run of a page has shown.

    Attributes
    ----------
    html : list of str
        Bodies of its HTML and Markdown elements.
    media : list of str
        Addresses of its pictures.
    uploader : str
        Number of its file uploader; empty where it has none.
    """

    html: list[str] = field(default_factory=list)
    media: list[str] = field(default_factory=list)
    uploader: str = ""

    @property
    def text(self) -> str:
        return "\n".join(self.html)


class Visitor:
    """One browser tab.

    Parameters
    ----------
    host : str
        Such as ``127.0.0.1:8501``.
    headers : dict of str to str, optional
        Of every request, such as a cookie.
    """

    def __init__(self, host: str, headers: dict[str, str] | None = None) -> None:
        self.host = host
        self.session = ""
        self._headers = headers or {}
        self._socket: ClientConnection | None = None
        self._forms_token = ""

    async def open(self) -> Shown:
        """Open the first page."""
        _, headers, _ = await self.request("GET", "/_stcore/health")
        for text in headers.get_all("Set-Cookie") or []:
            cookie = SimpleCookie(text).get(COOKIE_OF_FORMS)
            self._forms_token = cookie.value if cookie is not None else self._forms_token
        self._socket = await connect(
            f"ws://{self.host}/_stcore/stream",
            origin=Origin(f"http://{self.host}"),
            subprotocols=[Subprotocol("streamlit"), Subprotocol(self._forms_token)],
            additional_headers={**self._headers, "Cookie": self._cookies()},
            max_size=MAX_MESSAGE_BYTES,
            compression=None,
        )
        return await self.run(BackMsg())

    async def close(self) -> None:
        if self._socket is not None:
            await self._socket.close()

    async def run(self, message: BackMsg) -> Shown:
        """Let the page run, and wait until it has ended."""
        message.rerun_script.SetInParent()
        await self._send(message)
        shown = Shown()
        while True:
            answer = await self._receive()
            kind = answer.WhichOneof("type")
            if kind == "new_session":
                shown = Shown()
                self.session = answer.new_session.initialize.session_id or self.session
            elif kind == "delta":
                _note(answer, shown)
            elif (
                kind == "script_finished"
                and answer.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY
            ):
                return shown

    async def upload(self, uploader: str, name: str, data: bytes) -> Shown:
        """Drop a file, and wait for what the page makes of it."""
        ask = BackMsg()
        ask.file_urls_request.request_id = uuid.uuid4().hex
        ask.file_urls_request.file_names.append(name)
        ask.file_urls_request.session_id = self.session
        await self._send(ask)
        while (answer := await self._receive()).WhichOneof("type") != "file_urls_response":
            pass
        urls = answer.file_urls_response.file_urls[0]
        status, _, _ = await self.put_file(urls.upload_url, name, data)
        if status >= 300:
            raise OSError(f"the upload was answered with {status}")
        message = BackMsg()
        state = message.rerun_script.widget_states.widgets.add()
        state.id = uploader
        info = state.file_uploader_state_value.uploaded_file_info.add()
        info.name, info.size, info.file_id = name, len(data), urls.file_id
        info.file_urls.CopyFrom(urls)
        return await self.run(message)

    async def put_file(
        self, url: str, name: str, data: bytes
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        """Send a file as the uploader does."""
        edge = uuid.uuid4().hex
        head = (
            f'--{edge}\r\nContent-Disposition: form-data; name="{name}"; filename="{name}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        )
        body = head.encode() + data + f"\r\n--{edge}--\r\n".encode()
        return await self.request(
            "PUT", url, body, {"Content-Type": f"multipart/form-data; boundary={edge}"}
        )

    async def request(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        """Ask the server for something; status, headers and content of its answer."""
        return await asyncio.to_thread(self._request, method, path, body, headers or {})

    def _cookies(self) -> str:
        token = self._forms_token and f"{COOKIE_OF_FORMS}={self._forms_token}"
        return "; ".join(filter(None, [self._headers.get("Cookie"), token]))

    def _request(
        self, method: str, path: str, body: bytes, headers: dict[str, str]
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        merged = {**self._headers, **headers, "Cookie": self._cookies()}
        merged["X-Xsrftoken"] = self._forms_token
        connection = http.client.HTTPConnection(self.host, timeout=60)
        try:
            path = path if path.startswith("/") else f"/{path}"
            connection.request(method, path, body or None, merged)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    async def _send(self, message: BackMsg) -> None:
        assert self._socket is not None
        await self._socket.send(message.SerializeToString())

    async def _receive(self) -> ForwardMsg:
        assert self._socket is not None
        data = await self._socket.recv()
        assert isinstance(data, bytes)
        return ForwardMsg.FromString(data)


def _note(message: ForwardMsg, shown: Shown) -> None:
    """Take out of an element what a visitor would see."""
    element = message.delta.new_element
    kind = element.WhichOneof("type")
    if kind in ("html", "markdown"):
        shown.html.append(getattr(element, kind).body)
    elif kind == "imgs":
        shown.media += [one.url for one in element.imgs.imgs]
    elif kind == "file_uploader":
        shown.uploader = element.file_uploader.id
