"""A Dask cluster that reads a batch's files, each in a process that may die without harm."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import CancelledError
from functools import cache
from typing import TYPE_CHECKING, Any

from ecgapp.service.pool import ReadingPool, worker_died

if TYPE_CHECKING:
    from distributed import Client, Future

# Seconds, set by hand: until the scheduler answers, and until one of its workers is there.
CONNECT_S = 10
WORKERS_S = 60
_LOOK_EVERY_S = 5
# Dask warns of tasks that hold this much; ours hold a file each.
_LARGE_TASK = "1GB"
_STARTING = threading.Lock()


class Cluster:
    """Connection to a cluster's scheduler.

    Parameters
    ----------
    address : str
        Such as ``tcp://10.0.0.1:8786``.

    Raises
    ------
    ConnectionError
        If Dask is not installed, the scheduler does not answer, or it has no worker.
    """

    def __init__(self, address: str) -> None:
        try:
            import dask
            from distributed import Client
        except ModuleNotFoundError as error:
            raise ConnectionError(
                f"{error.name} is not installed, which a cluster needs: pip install "
                "'ecgapp[cluster]'"
            ) from error
        dask.config.set({"distributed.admin.large-graph-warning-threshold": _LARGE_TASK})
        try:
            self._client: Client = Client(address, timeout=CONNECT_S, set_as_default=False)
        except (OSError, ValueError) as error:
            raise ConnectionError(f"no Dask scheduler answers at {address!r}") from error
        try:
            self._client.wait_for_workers(1, timeout=WORKERS_S)
        except TimeoutError as error:
            self.close()
            raise _no_workers() from error

    @property
    def n_at_once(self) -> int:
        """Files that its workers read at the same time now."""
        return max(1, sum(self._client.nthreads().values()))

    def submit(self, function: Callable[..., Any], *arguments: Any) -> ClusterTask:
        """Let a worker call a function; where it dies, another one does.

        Parameters
        ----------
        function : callable
            Of this package.
        *arguments
            Sent to the worker.

        Returns
        -------
        ClusterTask
        """
        return ClusterTask(self._client, self._client.submit(function, *arguments, pure=False))

    def close(self) -> None:
        """End the connection; what has no result yet is given up."""
        self._client.close()


class ClusterTask:
    """A call that a worker makes.

    Parameters
    ----------
    client : distributed.Client
    future : distributed.Future
    """

    def __init__(self, client: Client, future: Future[Any]) -> None:
        self._client = client
        self._future = future

    def result(self) -> Any:
        """Wait for what the function returns.

        Raises
        ------
        Refusal
            With the code ``worker_died`` when one worker after the other died of it.
        ConnectionError
            If the scheduler was lost, or no worker is left.
        Exception
            What the function raises.
        """
        from distributed import KilledWorker

        waited_s = 0
        while True:
            try:
                return self._future.result(timeout=_LOOK_EVERY_S)
            except TimeoutError as error:
                waited_s = 0 if self._client.nthreads() else waited_s + _LOOK_EVERY_S
                if waited_s >= WORKERS_S:
                    raise _no_workers() from error
            except KilledWorker as error:
                raise worker_died() from error
            except CancelledError as error:
                raise ConnectionError(
                    "the cluster's scheduler was lost; run the same again to go on"
                ) from error


def pool_of_worker() -> ReadingPool:
    """Start the processes that read files for this worker of a cluster, one a thread, once."""
    with _STARTING:
        return _started_pool()


@cache
def _started_pool() -> ReadingPool:
    from distributed import get_worker

    return ReadingPool(get_worker().state.nthreads)


def _no_workers() -> ConnectionError:
    return ConnectionError(
        f"the cluster has had no worker for {WORKERS_S} seconds; start some with "
        "`dask worker ADDRESS --nthreads 1` and run the same again"
    )
