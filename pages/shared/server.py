"""What the web server is told once.

Uploads arrive, stay in memory, bounded, and go in time; a page that is left stays left.
"""

import asyncio
import gc
import threading
from functools import cache
from typing import Any, cast

from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartParser
from streamlit import runtime
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.runtime.app_session import AppSession
from streamlit.runtime.forward_msg_queue import ForwardMsgQueue
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.uploaded_file_manager import UploadedFileRec

from ecgapp.datasets.user_data import MAX_ARCHIVE_BYTES
from ecgapp.service.pool import server_pool

# Of all files that one session has waiting at a time, between upload and reading.
MAX_WAITING_BYTES = MAX_ARCHIVE_BYTES
SWEEP_EVERY_S = 5.0


# Visitors who come at the same moment start the server's pages at the same moment.
_PREPARING = threading.Lock()


def prepare() -> None:
    """Change the running server, once a process."""
    with _PREPARING:
        _prepare_once()


@cache
def _prepare_once() -> None:
    # The parser writes what is larger than this to a temporary file; Streamlit itself refuses what
    # is larger than server.maxUploadSize while it arrives.
    MultiPartParser.spool_max_size = 2 * MAX_ARCHIVE_BYTES
    _keep_upload_addresses()
    _let_visitors_go_on()
    # Started now, so that the first visitor does not wait for it.
    server_pool()
    # What is loaded by now stays loaded: garbage is looked for among the rest alone.
    gc.collect()
    gc.freeze()
    if runtime.exists():
        _bound_waiting_files()
        loop = runtime.get_instance()._get_async_objs().eventloop
        loop.call_soon_threadsafe(_sweep, loop)


def _keep_upload_addresses() -> None:
    """Have the browser told where to send a file, whatever else begins at that moment.

    A browser asks where before it sends. When a run of the page begins, Streamlit 1.67 empties the
    queue of answers with this one in it, and the file would be lost without a word.
    """
    clear = ForwardMsgQueue.clear

    def clear_but_addresses(
        queue: ForwardMsgQueue,
        retain_lifecycle_msgs: bool = False,
        fragment_ids_this_run: list[str] | None = None,
    ) -> None:
        before = queue._queue
        clear(queue, retain_lifecycle_msgs, fragment_ids_this_run)
        if retain_lifecycle_msgs:
            kept = set(map(id, queue._queue))
            queue._queue += [
                one
                for one in before
                if one.WhichOneof("type") == "file_urls_response" and id(one) not in kept
            ]

    cast(Any, ForwardMsgQueue).clear = clear_but_addresses


def _let_visitors_go_on() -> None:
    """Drop what a part of a page asks for by itself after its visitor has asked for another page.

    Parts that renew themselves do so until the browser has heard of the other page. Streamlit 1.67
    runs them after that page, and the browser shows the first page again.
    """
    request_rerun = AppSession.request_rerun

    def request_unless_left(session: AppSession, client_state: ClientState | None) -> None:
        if client_state is not None:
            known = session._client_state
            if not client_state.fragment_id:
                # Streamlit itself writes it down when the run begins, which may be later.
                known.page_script_hash = client_state.page_script_hash
            elif client_state.page_script_hash != known.page_script_hash:
                return
        request_rerun(session, client_state)

    cast(Any, AppSession).request_rerun = request_unless_left


def _bound_waiting_files() -> None:
    """Refuse an upload with which a session would hold more than the limit."""
    manager = cast(MemoryUploadedFileManager, runtime.get_instance().uploaded_file_mgr)
    add = manager.add_file
    storage = manager.file_storage

    def add_within_limit(session_id: str, file: UploadedFileRec) -> None:
        waiting = storage.get(session_id, {})
        held = sum(len(one.data) for key, one in waiting.items() if key != file.file_id)
        if held + len(file.data) > MAX_WAITING_BYTES:
            raise HTTPException(413, "Too many bytes in one session")
        add(session_id, file)

    manager.add_file = add_within_limit  # type: ignore[method-assign]


def _sweep(loop: asyncio.AbstractEventLoop) -> None:
    """End the sessions whose time is over, with their files and pictures, and free the memory.

    Left alone, Streamlit does so only when the next visitor comes.
    """
    instance = runtime.get_instance()
    stored = cast(Any, instance)._session_mgr._session_storage._cache
    before = dict(stored._data)
    stored.expire()
    for number, info in before.items():
        if number not in stored._data:
            info.session.shutdown()
            info.session.session_state.clear()
    instance.media_file_mgr.remove_orphaned_files()
    gc.collect()
    loop.call_later(SWEEP_EVERY_S, _sweep, loop)
