"""What several unit tests ask for."""

import logging
from collections.abc import Callable, Iterator

import pytest
import structlog

from bookstore.shared.telemetry import configure_logging


@pytest.fixture
def log_printed(capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[[str], Callable[[], str]]]:
    """Log in the given format; the answer says what was printed since, whichever tests ran before."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level

    def start(log_format: str) -> Callable[[], str]:
        configure_logging(log_format, "INFO")
        return lambda: capsys.readouterr().out

    yield start
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()
