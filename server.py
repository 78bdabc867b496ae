"""The app as a web server: app.py behind the gate. ``python -m ecgapp app`` starts it."""

import asyncio
import logging
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import streamlit as st
from starlette.middleware import Middleware

from ecgapp.service import access, metrics
from ecgapp.service.pool import close_server_pool
from pages.shared.gate import Gate

logging.basicConfig(
    level=logging.INFO,
    format="%(asctime)s %(levelname)s %(name)s %(message)s",
    stream=sys.stderr,
)
# Each says at this level what the gate says already.
logging.getLogger("httpx").setLevel(logging.WARNING)


@asynccontextmanager
async def close_in_order(app: st.App) -> AsyncIterator[None]:
    """End the workers; a signal ends the process without asking what is to be done at exit."""
    yield
    await asyncio.to_thread(close_server_pool)


settings = access.read_access()
metrics.start()
app = st.App(
    "app.py",
    secrets={"auth": dict(settings.login)} if settings.login else None,
    lifespan=close_in_order,
    middleware=[Middleware(Gate, access=settings)],
)
