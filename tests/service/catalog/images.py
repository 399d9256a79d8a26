"""Images as cameras and tricksters send them."""

import struct
import zlib
from io import BytesIO

from PIL import Image

CAMERA_MODEL, ORIENTATION, GPS = 0x0110, 0x0112, 0x8825
TURNED_CLOCKWISE = 6


def image(kind: str = "JPEG", size: tuple[int, int] = (1600, 900), mode: str = "RGB") -> bytes:
    """A plain picture, red on the left and blue on the right."""
    picture = Image.new(mode, size, "blue")
    picture.paste("red", (0, 0, size[0] // 2, size[1]))
    return encoded(picture, kind)


def snapshot() -> bytes:
    """A photo of a telephone held upright: it knows where it was taken, and that it must be turned."""
    picture = Image.new("RGB", (1600, 900), "blue")
    picture.paste("red", (0, 0, 800, 900))
    exif = Image.Exif()
    exif[CAMERA_MODEL] = "Spy camera"
    exif[ORIENTATION] = TURNED_CLOCKWISE
    exif.get_ifd(GPS)[2] = (4.0, 35.0, 53.0)
    return encoded(picture, "JPEG", exif=exif, comment=b"at home")


def bomb() -> bytes:
    """A PNG of a few bytes that claims 100 million pixels."""
    header = struct.pack(">IIBBBBB", 10_000, 10_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", b"") + _chunk(b"IEND", b"")


def encoded(picture: Image.Image, kind: str, **options: object) -> bytes:
    file = BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
