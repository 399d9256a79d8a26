"""The folder that all nodes share has no room left."""

import errno
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bookstore.chaos.game_day import Scene
from bookstore.chaos.on_the_lab import lab_of
from bookstore.lab.errors import LabNeeds

BALLAST = ".ballast-of-a-game-day"
CHUNK = 1024**2
SMALLEST = 512


@contextmanager
def fill_disk(scene: Scene) -> Iterator[None]:
    """Its disk is filled to the last byte. Raises LabNeeds where it has no disk of its own."""
    folder = lab_of(scene).plan.media
    if not folder.is_mount():
        # What would be filled is the disk of the machine.
        raise LabNeeds(
            what="a loop device, so that the shared folder has a disk of its own, for this game day"
        )
    ballast = folder / BALLAST
    try:
        _fill(ballast)
        scene.saw(f"the shared folder is full, with {ballast.stat().st_size // CHUNK} MB that nobody needs")
        refused = _upload(scene)
        scene.saw(f"an upload of a photo is answered by {refused}", holds=refused == "507 storage_full")
        yield
    finally:
        ballast.unlink(missing_ok=True)
    accepted = _upload(scene)
    scene.saw(f"with room again, it is answered by {accepted}", holds=accepted == "200")


def _fill(ballast: Path) -> None:
    """Write until there is no room, in pieces that become smaller."""
    size = CHUNK
    with ballast.open("wb", buffering=0) as file:
        while size >= SMALLEST:
            try:
                file.write(b"\0" * size)
                os.fsync(file.fileno())
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                size //= 2


def _upload(scene: Scene) -> str:
    """How the shop answers a seller who sends a photo."""
    from PIL import Image

    picture = io.BytesIO()
    Image.new("RGB", (600, 800), "green").save(picture, "JPEG")
    headers = {"Content-Type": "image/jpeg", "Authorization": f"Bearer {scene.load.seller.token}"}
    path = f"/catalog/listings/{scene.load.listings[0]}/photo"
    with scene.load.client() as client:
        answer = client.put(path, content=picture.getvalue(), headers=headers)
    code = answer.json().get("code", "") if answer.status_code >= 400 else ""
    return f"{answer.status_code} {code}".strip()
