"""The production server: gunicorn with threads, also on a laptop.

`create_app` is what any WSGI server may call: `gunicorn "bookstore.wsgi:create_app()"`.
"""

import os
import shutil
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.workers.gthread import _DEFER, ThreadWorker

from bookstore.config import Settings
from bookstore.shared.process import new_replica_name


def create_app() -> Flask:
    """The app of this process, configured by its environment."""
    from bookstore.app import create_shop
    from bookstore.shared.telemetry import configure_logging

    settings = Settings.from_environ()
    configure_logging(settings.log_format, settings.log_level)
    return create_shop(settings).app


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """Gives a connection a thread once it has something to say.

    gunicorn's own worker lets a thread wait five seconds for the first byte, so that a few silent
    connections, such as browsers open in advance, keep everybody else waiting.
    """

    def enqueue_req(self, conn: Any) -> None:
        if conn.initialized or conn.data_ready:
            super().enqueue_req(conn)
        else:
            silent: Future[object] = Future()
            silent.set_result(_DEFER)
            self.finish_request(conn, silent)


class Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn, told by our settings. On SIGTERM or Ctrl-C it stops accepting and finishes what runs."""

    def __init__(self, settings: Settings) -> None:
        # All processes of this server are one replica, so it gets its name before they are forked.
        self.settings = replace(settings, replica=settings.replica or new_replica_name())
        super().__init__()

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
            "control_socket_disable": True,
            "accesslog": None,
            "loglevel": "warning",
            "post_worker_init": _start_jobs,
            "worker_exit": _stop_jobs,
            "child_exit": _forget_metrics,
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        # Each server process builds its own shop after the fork: no connection or thread is shared.
        from bookstore.app import create_shop

        self.shop = create_shop(self.settings)
        return self.shop.app


def metrics_folder(data_dir: Path, port: int) -> Path:
    """Where the processes of the server on this port add up their metrics; others may share its data."""
    return data_dir / "metrics" / str(port)


def prepare_metrics(folder: Path) -> None:
    """Let the server processes add up their metrics; must happen before prometheus_client is imported."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)


def _start_jobs(worker: Any) -> None:
    from bookstore.shared.worker import start_threads

    shop = worker.app.shop
    jobs = shop.jobs if shop.settings.embedded_worker else []
    worker.finish_jobs = start_threads([*jobs, *shop.vital_signs])


def _stop_jobs(server: Any, worker: Any) -> None:
    if finish := getattr(worker, "finish_jobs", None):
        finish()
    if shop := getattr(worker.app, "shop", None):
        shop.close()


def _forget_metrics(server: Any, worker: Any) -> None:
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]
