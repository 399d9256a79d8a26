"""Lets the tests of an older version run on the schemas of a newer one: a plugin of pytest.

Where the older version would migrate a database, the sources at NEWER_SOURCES do, in a process of their own.
"""

import os
import subprocess
import sys

from bookstore.shared import migrations
from bookstore.shared.database import Database

MIGRATE = """
import sys
from bookstore.shared import migrations
from bookstore.shared.database import Database
database = Database(sys.argv[1], sys.argv[2])
migrations.upgrade(database)
database.close()
"""


def _upgrade(database: Database, **how: object) -> None:
    url = database.engine.url.render_as_string(hide_password=False)
    environ = {**os.environ, "PYTHONPATH": os.environ["NEWER_SOURCES"]}
    command = [sys.executable, "-c", MIGRATE, database.service, url]
    subprocess.run(command, env=environ, check=True)  # noqa: S603  # our own words, and no shell


migrations.upgrade = _upgrade
