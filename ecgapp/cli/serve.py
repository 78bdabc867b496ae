"""The command that serves the app for a browser: app."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from ecgapp.cli.common import EXIT_FAILED, EXIT_USAGE, add_models_argument
from ecgapp.io.installed import SERVER_FILE, SHIPPED_FOLDER

# What the C library of Linux is told, in bytes, where the administrator has not: pictures, which
# are larger than the first, go back to the system as soon as nobody looks at them, and the
# visitors' threads share their memory. Without it twenty visitors took twice the memory (`make
# load`).
_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": "1000000",
    "MALLOC_TRIM_THRESHOLD_": "16000000",
    "MALLOC_ARENA_MAX": "2",
}


def add_app(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``app``."""
    parser.description = "Serves the app until it is stopped with Ctrl+C."
    parser.add_argument("--address", default="127.0.0.1", help="to serve at; default 127.0.0.1")
    parser.add_argument("--port", type=_port, default=8501, metavar="N", help="default 8501")
    parser.add_argument(
        "--secrets",
        type=Path,
        metavar="FILE",
        help="TOML file with the login's settings and who may enter; see docs/operations.md",
    )
    parser.add_argument(
        "--without-login",
        action="store_true",
        help="let in whoever reaches the address, where it is not this machine's own",
    )
    add_models_argument(parser)
    parser.set_defaults(run=_run_app)


def _port(text: str) -> int:
    """Read an argument that names a TCP port."""
    port = int(text) if text.isdecimal() else 0
    if not 1 <= port <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port from 1 to 65535")
    return port


def _run_app(arguments: argparse.Namespace) -> int:
    if not SERVER_FILE.is_file():
        print("The app's pages are not installed; install the wheel again.", file=sys.stderr)
        return EXIT_FAILED
    from ecgapp.service.access import (
        SECRETS_VARIABLE,
        WITHOUT_LOGIN_VARIABLE,
        AccessError,
        check_address,
        read_access,
    )

    if arguments.without_login:
        os.environ[WITHOUT_LOGIN_VARIABLE] = "1"
    if arguments.secrets is not None:
        os.environ[SECRETS_VARIABLE] = str(arguments.secrets.resolve())
    try:
        check_address(arguments.address, read_access())
    except AccessError as error:
        print(f"The app was not started: {error}.", file=sys.stderr)
        return EXIT_USAGE
    print(f"Serving http://{arguments.address}:{arguments.port} (stop with Ctrl+C)", flush=True)
    for name, value in _MEMORY.items():
        os.environ.setdefault(name, value)
    # Streamlit looks for .streamlit/ in the current folder.
    os.chdir(SHIPPED_FOLDER)
    # It takes this process's place, so that whoever stops this process stops the server.
    command = [sys.executable, "-m", "streamlit", "run", str(SERVER_FILE), "--server.headless=true"]
    command += [f"--server.address={arguments.address}", f"--server.port={arguments.port}"]
    os.execv(sys.executable, [*command, "--browser.gatherUsageStats=false"])
