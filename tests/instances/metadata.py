"""Tells each instance who it is, as EC2's metadata service does: by the address that asks, and only with a token.

    python metadata.py FOLDER

FOLDER has a file `<address>.json` for each instance. It listens on the address of that service, so it runs in a
namespace of its own; it stands on the standard library alone.
"""

import json
import secrets
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

ADDRESS = "169.254.169.254"
FOLDER = Path(sys.argv[1]) if len(sys.argv) > 1 else Path()
TOKENS: set[str] = set()


class Metadata(BaseHTTPRequestHandler):
    def do_PUT(self) -> None:
        if not self.path.endswith("/api/token"):
            self._answer(404, "")
            return
        token = secrets.token_urlsafe(24)
        TOKENS.add(token)
        self._answer(200, token)

    def do_GET(self) -> None:
        # cloud-init asks so where the machine's firmware does not say that it is of EC2. All else needs a token.
        is_cloud_init = self.path.startswith("/2009-04-04/")
        if not is_cloud_init and self.headers.get("X-aws-ec2-metadata-token") not in TOKENS:
            self._answer(401, "")
            return
        found = look_up(known(self.client_address[0]), self.path)
        self._answer(404 if found is None else 200, found or "")

    def _answer(self, status: int, text: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())


def known(address: str) -> dict[str, Any]:
    """What there is to know of the instance at this address; of a stranger nothing."""
    path = FOLDER / f"{address}.json"
    return json.loads(path.read_text()) if path.exists() else {}


def look_up(tree: Any, path: str) -> str | None:
    """A value, or the names under a folder; None when there is nothing. The first part of a path is a version."""
    for part in [part for part in path.split("/") if part][1:]:
        if not isinstance(tree, dict) or part not in tree:
            return None
        tree = tree[part]
    if isinstance(tree, dict):
        return "\n".join(f"{name}/" if isinstance(one, dict) else name for name, one in tree.items())
    return str(tree)


if __name__ == "__main__":
    ThreadingHTTPServer((ADDRESS, 80), Metadata).serve_forever()
