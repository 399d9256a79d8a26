"""The folder that all nodes share, which plays EFS: a small disk of its own, so that it can be full.

The disk is a file of the lab behind a loop device. Where a machine has none, it is a folder like any other.
"""

import os
from contextlib import suppress

from bookstore.deploying.errors import CommandFailed
from bookstore.deploying.programs import run
from bookstore.lab.plan import Plan

SIZE = 256 * 1024**2
SHOP_USER = 10001


def prepare(plan: Plan) -> None:
    """Have the folder, with its disk under it where this machine can, for the shop to write in."""
    plan.media.mkdir(parents=True, exist_ok=True)
    holds_photos = any(plan.media.iterdir()) and not plan.media.is_mount()
    if not plan.media.is_mount() and (plan.media_disk.exists() or not holds_photos):
        # Photos of a lab from before it had a disk stay where they are.
        with suppress(CommandFailed):
            _mount(plan)
    os.chown(plan.media, SHOP_USER, SHOP_USER)


def remove(plan: Plan) -> None:
    """Let go of the disk; its file goes with the rest of the lab."""
    if plan.media.is_mount():
        run(["umount", "--lazy", str(plan.media)])


def _mount(plan: Plan) -> None:
    if not plan.media_disk.exists():
        with plan.media_disk.open("wb") as file:
            file.truncate(SIZE)
        # Nothing of it is kept back for root: who is root fills it as well.
        run(["mkfs.ext4", "-q", "-m", "0", str(plan.media_disk)])
    run(["mount", "-o", "loop", str(plan.media_disk), str(plan.media)])
    with suppress(FileNotFoundError):
        (plan.media / "lost+found").rmdir()
