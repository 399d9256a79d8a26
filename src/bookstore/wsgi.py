"""The production server: gunicorn with threads, also on a laptop.

`create_app` is what any WSGI server may call: `gunicorn "bookstore.wsgi:create_app()"`.
"""

import os
import shutil
import sys
import time
from concurrent.futures import Future
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import replace
from mmap import mmap
from pathlib import Path
from signal import SIGTERM
from socket import SHUT_RDWR
from threading import Thread, Timer
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.workers.gthread import _DEFER, ThreadWorker

from bookstore.config import Settings
from bookstore.shared.process import new_replica_name

# How long the request at hand has waited for a thread, in seconds.
WAITED: ContextVar[float] = ContextVar("waited", default=0.0)

# Who is not let in yet waits unseen, and for those the limit on waiting does not count. So few may do so that
# the next one, after a moment at a closed door, is told by nginx to come again.
BACKLOG = 256
# So many are let in at once. Other processes at the same door should get some.
AT_ONCE = 16
# Each thread works for so long before another gets its turn, and the one that lets people in is one of nine.
# With Python's own 5 ms, and one let in at a time, 2,048 stood at the door while 685 came in each second.
TURN_SECONDS = 0.001


def create_app() -> Flask:
    """The app of this process, configured by its environment."""
    from bookstore.app import create_shop
    from bookstore.shared.telemetry import configure_logging

    settings = Settings.from_environ()
    configure_logging(settings.log_format, settings.log_level)
    return create_shop(settings).app


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """Gives a connection a thread once it has something to say, and answers all who are connected at the end.

    gunicorn's own worker lets a thread wait five seconds for the first byte, so that a few silent
    connections, such as browsers open in advance, keep everybody else waiting. And while it finishes, it
    leaves the port open and those who come unanswered: their requests are lost, and nobody may repeat a POST.
    """

    def accept(self, listener: Any) -> None:
        """Let in some of those who are at the door: while threads are busy, the next turn may be far."""
        for _ in range(AT_ONCE):
            before = self.nr_conns
            super().accept(listener)
            if self.nr_conns == before or self.nr_conns >= self.worker_connections:
                return

    def set_accept_enabled(self, enabled: bool) -> None:
        super().set_accept_enabled(enabled)
        if not enabled and not self.alive:
            self._close_the_door()

    def _close_the_door(self) -> None:
        """Let in who is connected already; everybody else is refused from here on, and asks elsewhere."""
        for listener in self.sockets:
            before = None
            while before != self.nr_conns:
                before = self.nr_conns
                self.accept(listener)
            listener.close()

    def enqueue_req(self, conn: Any) -> None:
        conn.waits_since = time.monotonic()
        if conn.initialized or conn.data_ready or not self.alive:
            super().enqueue_req(conn)
        else:
            silent: Future[object] = Future()
            silent.set_result(_DEFER)
            self.finish_request(conn, silent)

    def handle_request(self, req: Any, conn: Any) -> Any:
        WAITED.set(time.monotonic() - conn.waits_since)
        return super().handle_request(req, conn)


class Draining(Exception):
    """The server will stop soon; new visitors are better sent to another one."""


class Drain:
    """Whether the server is about to stop, known to all of its processes: one byte that they share."""

    def __init__(self) -> None:
        self._shared = mmap(-1, 1)

    def begin(self) -> None:
        self._shared[0] = 1

    @property
    def has_begun(self) -> bool:
        return self._shared[0] == 1

    def check(self) -> None:
        """Raise Draining once it has begun: /readyz is red by it."""
        if self.has_begun:
            raise Draining


class DrainingArbiter(Arbiter):  # type: ignore[misc]  # gunicorn has no types
    """Lets the load balancers notice first, and stops then. A second signal stops at once."""

    def handle_term(self) -> None:
        drain, seconds = self.app.drain, self.app.settings.drain_seconds
        if seconds == 0 or drain.has_begun:
            super().handle_term()
        drain.begin()
        stop = Timer(seconds, os.kill, (os.getpid(), SIGTERM))
        stop.daemon = True
        stop.start()


class Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn, told by our settings. On SIGTERM or Ctrl-C it stops accepting and finishes what runs."""

    def __init__(self, settings: Settings) -> None:
        # All processes of this server are one replica, so it gets its name before they are forked.
        self.settings = replace(settings, replica=settings.replica or new_replica_name())
        self.drain = Drain()
        super().__init__()

    def run(self) -> None:
        DrainingArbiter(self).run()

    def load_config(self) -> None:
        settings = self.settings
        options = {
            "bind": [f"{settings.host}:{settings.port}"],
            "worker_class": Worker,
            "workers": settings.workers,
            "threads": settings.threads,
            "graceful_timeout": settings.graceful_seconds,
            "timeout": 60,
            "keepalive": 75,
            "backlog": BACKLOG,
            "control_socket_disable": True,
            "accesslog": None,
            "loglevel": "warning",
            "when_ready": _do_not_listen_yet,
            "post_worker_init": _open,
            "worker_exit": _stop_jobs,
            "child_exit": _forget_metrics,
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        # Each server process builds its own shop after the fork: no connection or thread is shared.
        from bookstore.app import create_shop
        from bookstore.shared.crowding import refuse_late
        from bookstore.shared.pages import ready_when

        self.shop = create_shop(self.settings)
        app = self.shop.app
        ready_when(app, "drain", self.drain.check)
        app.wsgi_app = refuse_late(app.wsgi_app, WAITED.get, self.settings.wait_seconds)  # type: ignore[assignment, method-assign]
        return app


def metrics_folder(data_dir: Path, port: int) -> Path:
    """Where the processes of the server on this port add up their metrics; others may share its data."""
    return data_dir / "metrics" / str(port)


def prepare_metrics(folder: Path) -> None:
    """Let the server processes add up their metrics; must happen before prometheus_client is imported."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)


def _do_not_listen_yet(arbiter: Any) -> None:
    """Refuse who comes before the shop is loaded: they ask another replica at once, instead of waiting here.

    The port stays ours. A system on which a socket cannot stop listening lets them wait.
    """
    for listener in arbiter.LISTENERS:
        with suppress(OSError):
            listener.sock.shutdown(SHUT_RDWR)


def _open(worker: Any) -> None:
    """Called in a server process whose shop is loaded. All share the sockets, so the first one opens them."""
    sys.setswitchinterval(TURN_SECONDS)
    for listener in worker.sockets:
        listener.sock.listen(worker.cfg.backlog)
    _start_jobs(worker)
    if worker.age == 1:
        # Beside the thread that lets visitors in: they need not wait for what only the log is told.
        Thread(target=_look_at_connections, args=(worker.app.shop,), daemon=True).start()


def _start_jobs(worker: Any) -> None:
    from bookstore.shared.worker import start_threads

    shop = worker.app.shop
    all_of_them = shop.settings.embedded_worker
    jobs = [job for job in shop.jobs if all_of_them or job.of_each_replica]
    worker.finish_jobs = start_threads([*jobs, *shop.vital_signs])


def _look_at_connections(shop: Any) -> None:
    from sqlalchemy.exc import SQLAlchemyError

    from bookstore.shared import connection_limits, status_views

    replica = shop.app.extensions["bookstore.web"].process.replica
    # A database that is away now is told by /readyz.
    with suppress(SQLAlchemyError):
        connection_limits.warn_of_few(
            status_views.reporters(shop.app).values(), replica, shop.settings.workers
        )


def _stop_jobs(server: Any, worker: Any) -> None:
    if finish := getattr(worker, "finish_jobs", None):
        finish()
    if shop := getattr(worker.app, "shop", None):
        shop.close()


def _forget_metrics(server: Any, worker: Any) -> None:
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]
