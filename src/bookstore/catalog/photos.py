"""Photos of copies: whatever image a seller sends becomes two plain JPEG files of our own making.

The kind of file is seen from its content. It is decoded and encoded anew, so that neither metadata (where
the seller lives) nor anything hidden in the file reaches a buyer.
"""

import errno
import os
import re
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageOps, UnidentifiedImageError

from bookstore.shared.errors import N_, ShopError
from bookstore.shared.telemetry import log

FORMATS = ("JPEG", "PNG", "WEBP")
MAX_PIXELS = 40_000_000
LARGE = 1200
SMALL = 300
QUALITY = 84
NO_ROOM = {errno.ENOSPC, errno.EDQUOT}
FILE_NAME = re.compile(r"[0-9a-f]{32}(?:-small)?\.jpg")

# A large image takes over 100 MB while it is decoded: one at a time, however many people send one.
_decoding = threading.Lock()


class NotAPhoto(ShopError):
    """The content is no JPEG, PNG or WebP image, whatever its name says, or it is damaged."""

    status = 415
    code = "unsupported_photo"
    title = N_("This is not a photo that we can read. It must be a JPEG, PNG or WebP image.")


class PhotoTooLarge(ShopError):
    """The file has too many bytes, or the image too many pixels."""

    status = 413
    code = "photo_too_large"
    title = N_("The photo is too large: at most %(megabytes)s MB and %(megapixels)s megapixels.")

    def __init__(self, max_bytes: int) -> None:
        super().__init__(megabytes=max_bytes // 1024**2, megapixels=MAX_PIXELS // 10**6)


class StorageFull(ShopError):
    """The folder of photos has no room left. The photo is not kept, and nothing else has changed."""

    status = 507
    code = "storage_full"
    title = N_(
        "There is no room for photos right now. Nothing was changed; try again later, or without a photo."
    )


@dataclass(frozen=True)
class PhotoFolder:
    """Where the photos of all listings are kept; each has a random name and two sizes."""

    folder: Path
    max_bytes: int

    @contextmanager
    def kept(self, content: bytes | None) -> Iterator[str | None]:
        """The name of our own photo of an image, for the caller to record; deleted again if that fails.

        None without content. Raises NotAPhoto, PhotoTooLarge, StorageFull.
        """
        name = None if content is None else self.keep(content)
        try:
            yield name
        except BaseException:
            self.remove(name)
            raise

    def keep(self, content: bytes) -> str:
        """Make our own photo of an image; its name. Raises NotAPhoto, PhotoTooLarge, StorageFull."""
        large, small = self._encoded(content)
        name = secrets.token_hex(16)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            for file_name, data in ((small_file(name), small), (large_file(name), large)):
                self._write(file_name, data)
        except OSError as error:
            self.remove(name)
            if error.errno in NO_ROOM:
                log.error("no room for photos", folder=str(self.folder))
                raise StorageFull from error
            raise
        return name

    def remove(self, name: str | None) -> None:
        """Delete both sizes of a photo, if there is one; it may be gone already."""
        if name is None:
            return
        for file_name in (large_file(name), small_file(name)):
            (self.folder / file_name).unlink(missing_ok=True)

    def _write(self, file_name: str, data: bytes) -> None:
        """The file appears under its name only once it is whole; of one that does not fit nothing stays."""
        partial = self.folder / f".{file_name}.part"
        try:
            partial.write_bytes(data)
            os.replace(partial, self.folder / file_name)
        except OSError:
            partial.unlink(missing_ok=True)
            raise

    def _encoded(self, content: bytes) -> tuple[bytes, bytes]:
        if len(content) > self.max_bytes:
            raise PhotoTooLarge(self.max_bytes)
        try:
            with _decoding, Image.open(BytesIO(content), formats=FORMATS) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise PhotoTooLarge(self.max_bytes)
                large = _upright(image)
        except Image.DecompressionBombError as error:
            raise PhotoTooLarge(self.max_bytes) from error
        except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError) as error:
            raise NotAPhoto from error
        small = large.copy()
        small.thumbnail((SMALL, SMALL))
        return _jpeg(large), _jpeg(small)


def large_file(name: str) -> str:
    return f"{name}.jpg"


def small_file(name: str) -> str:
    return f"{name}-small.jpg"


def _upright(image: Image.Image) -> Image.Image:
    """The picture as it should be seen: turned as the camera says, on white, and not too large."""
    image.draft("RGB", (LARGE, LARGE))
    turned = ImageOps.exif_transpose(image)
    picture = turned.convert("RGBA" if turned.has_transparency_data else "RGB")
    picture.thumbnail((LARGE, LARGE))
    if picture.mode == "RGBA":
        paper = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(paper, picture).convert("RGB")
    picture.info = {}
    return picture


def _jpeg(image: Image.Image) -> bytes:
    file = BytesIO()
    image.save(file, "JPEG", quality=QUALITY, optimize=True, progressive=True)
    return file.getvalue()
