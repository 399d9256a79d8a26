"""Makes the databases that are named, and a user for each with the password in its secret; may be repeated.

It runs in the image of the shop, which has the driver: `python3 - bookstore_accounts ... <databases.py`.
"""

import json
import sys
from pathlib import Path

import MySQLdb

SECRETS = Path("/run/secrets")


def main(databases: list[str]) -> None:
    operator = json.loads((SECRETS / "database_operator").read_text())
    authority = SECRETS / "database_ca"
    encrypted = {"ssl": {"ca": str(authority)}, "ssl_mode": "VERIFY_IDENTITY"} if authority.exists() else {}
    connection = MySQLdb.connect(
        host=operator["host"],
        port=int(operator["port"]),
        user=operator["username"],
        password=operator["password"],
        connect_timeout=10,
        **encrypted,
    )
    with connection.cursor() as cursor:
        for database in databases:
            password = (SECRETS / f"{database}_password").read_text()
            cursor.execute(f"CREATE DATABASE IF NOT EXISTS `{database}` CHARACTER SET utf8mb4")
            cursor.execute("CREATE USER IF NOT EXISTS %s@'%%' IDENTIFIED BY %s", (database, password))
            # A secret that was changed since counts.
            cursor.execute("ALTER USER %s@'%%' IDENTIFIED BY %s", (database, password))
            cursor.execute(f"GRANT ALL PRIVILEGES ON `{database}`.* TO %s@'%%'", (database,))
            cursor.execute("GRANT REPLICATION CLIENT ON *.* TO %s@'%%'", (database,))


if __name__ == "__main__":
    main(sys.argv[1:])
