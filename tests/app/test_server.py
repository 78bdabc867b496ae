"""What the web server does with an upload."""

import asyncio
import tempfile

import pytest
from starlette.datastructures import Headers
from starlette.formparsers import MultiPartParser
from streamlit import config
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.forward_msg_queue import ForwardMsgQueue

from ecgapp.datasets.user_data import MAX_ARCHIVE_BYTES
from pages.shared import server


@pytest.mark.parametrize("n_bytes", [1_500_000, MAX_ARCHIVE_BYTES])
def test_upload_of_any_allowed_size_stays_in_memory(monkeypatch, n_bytes):
    def refuse(*arguments, **options):
        raise OSError("no space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    server.prepare()

    async def body():
        yield b'--x\r\nContent-Disposition: form-data; name="f"; filename="a.jpg"\r\n\r\n'
        for _ in range(n_bytes // 500_000):
            yield b"0" * 500_000
        yield b"\r\n--x--\r\n"

    headers = Headers({"content-type": "multipart/form-data; boundary=x"})
    form = asyncio.run(MultiPartParser(headers, body()).parse())
    assert form["f"].size == n_bytes


def test_garbage_is_looked_for_by_the_server_and_not_after_every_run_of_a_page():
    # It took three quarters of the server's time, and all visitors waited for it.
    assert config.get_option("runner.postScriptGC") is False


def test_file_is_sent_although_a_run_of_the_page_begins_at_that_moment():
    server.prepare()
    answer, drawn = ForwardMsg(), ForwardMsg()
    answer.file_urls_response.response_id = "where to send it"
    drawn.delta.new_element.text.body = "of the run that ends"
    queue = ForwardMsgQueue()
    queue.enqueue(answer)
    queue.enqueue(drawn)
    queue.clear(retain_lifecycle_msgs=True)
    assert [one.file_urls_response.response_id for one in queue.flush()] == ["where to send it"]
    assert queue.is_empty()
