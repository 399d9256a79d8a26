"""Photos as a telephone takes them: with the place and the time inside."""

import io

from PIL import Image, ImageDraw

CAMERA = 0x010F
GPS = 0x8825


def photo() -> bytes:
    """A JPEG of a book on a table, with EXIF that names the camera and the place."""
    picture = Image.new("RGB", (1600, 1200), "#b9885a")
    draw = ImageDraw.Draw(picture)
    draw.polygon([(420, 180), (1180, 240), (1120, 1080), (360, 1000)], fill="#7d1f2b", outline="#3d0d14")
    draw.line([(470, 230), (415, 960)], fill="#d9b45b", width=14)
    draw.rectangle((620, 420, 1000, 520), fill="#d9b45b")
    exif = Image.Exif()
    exif[CAMERA] = "Ana's telephone"
    exif.get_ifd(GPS).update({1: "S", 2: (2.0, 53.0, 51.0), 3: "W", 4: (79.0, 0.0, 16.0)})
    content = io.BytesIO()
    picture.save(content, "JPEG", quality=85, exif=exif)
    return content.getvalue()
