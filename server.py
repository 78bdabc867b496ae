"""The app as a web server: app.py behind the gate. ``python -m ecgapp app`` starts it."""

import logging
import sys

import streamlit as st
from starlette.middleware import Middleware

from ecgapp.service import access, metrics
from pages.shared.gate import Gate

logging.basicConfig(
    level=logging.INFO,
    format="%(asctime)s %(levelname)s %(name)s %(message)s",
    stream=sys.stderr,
)
# Each says at this level what the gate says already.
logging.getLogger("httpx").setLevel(logging.WARNING)
settings = access.read_access()
metrics.start()
app = st.App(
    "app.py",
    secrets={"auth": dict(settings.login)} if settings.login else None,
    middleware=[Middleware(Gate, access=settings)],
)
