"""A seller's photo becomes two files of our own making, and nothing else of it is kept."""

from pathlib import Path

import pytest
from PIL import Image

from bookstore.catalog.photos import FILE_NAME, NotAPhoto, PhotoFolder, PhotoTooLarge
from tests.service.catalog.images import bomb, encoded, image, snapshot

LIMIT = 1024 * 1024


@pytest.fixture
def folder(tmp_path: Path) -> PhotoFolder:
    return PhotoFolder(tmp_path / "media", LIMIT)


def kept_files(folder: PhotoFolder) -> list[str]:
    return sorted(path.name for path in folder.folder.iterdir()) if folder.folder.exists() else []


def opened(folder: PhotoFolder, name: str) -> Image.Image:
    return Image.open(folder.folder / name)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_every_accepted_kind_becomes_two_jpegs(folder: PhotoFolder, kind: str) -> None:
    name = folder.keep(image(kind))

    assert kept_files(folder) == [f"{name}-small.jpg", f"{name}.jpg"]
    assert all(FILE_NAME.fullmatch(file) for file in kept_files(folder))
    large, small = opened(folder, f"{name}.jpg"), opened(folder, f"{name}-small.jpg")
    assert (large.format, large.size) == ("JPEG", (1200, 675))
    assert (small.format, small.size) == ("JPEG", (300, 169))


def test_a_small_image_is_not_blown_up(folder: PhotoFolder) -> None:
    name = folder.keep(image("PNG", (120, 80)))
    assert opened(folder, f"{name}.jpg").size == (120, 80)


def test_nothing_of_the_camera_remains_but_the_picture_stands_upright(folder: PhotoFolder) -> None:
    sent = snapshot()
    assert b"Spy camera" in sent
    assert b"at home" in sent

    name = folder.keep(sent)

    for file in kept_files(folder):
        picture = opened(folder, file)
        assert dict(picture.getexif()) == {}
        assert set(picture.info) <= {
            "jfif",
            "jfif_version",
            "jfif_unit",
            "jfif_density",
            "progressive",
            "progression",
        }
        content = (folder.folder / file).read_bytes()
        assert b"Spy" not in content
        assert b"home" not in content
    upright = opened(folder, f"{name}.jpg")
    assert upright.size == (675, 1200)
    assert upright.getpixel((300, 100))[0] > 200  # what was on the left is on top now
    assert upright.getpixel((300, 1100))[2] > 200


def test_transparent_parts_become_white(folder: PhotoFolder) -> None:
    name = folder.keep(encoded(Image.new("RGBA", (50, 50), (0, 0, 0, 0)), "PNG"))
    assert opened(folder, f"{name}.jpg").getpixel((25, 25)) == (255, 255, 255)


@pytest.mark.parametrize("mode", ["L", "P", "CMYK", "1"])
def test_other_color_models_are_understood(folder: PhotoFolder, mode: str) -> None:
    kind = "JPEG" if mode == "CMYK" else "PNG"
    name = folder.keep(encoded(Image.new("RGB", (40, 40), "white").convert(mode), kind))
    assert opened(folder, f"{name}.jpg").mode == "RGB"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff;",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"<html>not a photo</html>",
        b"\xff\xd8\xff\xe0 and then nothing sensible",
        image("PNG")[:200],
        image("JPEG")[:2000],
        encoded(Image.new("RGB", (10, 10)), "BMP"),
        encoded(Image.new("RGB", (10, 10)), "TIFF"),
    ],
    ids=["empty", "gif", "svg", "html", "fake jpeg", "half a png", "half a jpeg", "bmp", "tiff"],
)
def test_what_is_no_photo_is_refused(folder: PhotoFolder, content: bytes) -> None:
    with pytest.raises(NotAPhoto):
        folder.keep(content)
    assert kept_files(folder) == []


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_an_image_with_too_many_pixels_is_refused_before_it_is_decoded(folder: PhotoFolder) -> None:
    assert len(bomb()) < 100
    with pytest.raises(PhotoTooLarge):
        folder.keep(bomb())
    assert kept_files(folder) == []


def test_a_file_with_too_many_bytes_is_refused(folder: PhotoFolder) -> None:
    with pytest.raises(PhotoTooLarge) as refusal:
        folder.keep(image() + b"\0" * LIMIT)
    assert refusal.value.details == {"megabytes": 1, "megapixels": 40}
    assert kept_files(folder) == []


def test_a_photo_is_deleted_again_when_what_it_is_for_fails(folder: PhotoFolder) -> None:
    def record_it_in_vain() -> None:
        with folder.kept(image()):
            assert len(kept_files(folder)) == 2
            raise RuntimeError

    with pytest.raises(RuntimeError):
        record_it_in_vain()

    assert kept_files(folder) == []


def test_content_after_the_image_does_not_survive(folder: PhotoFolder) -> None:
    name = folder.keep(image() + b"<?php echo 'hidden'; ?>")
    for file in kept_files(folder):
        assert b"hidden" not in (folder.folder / file).read_bytes()
    assert opened(folder, f"{name}.jpg").size == (1200, 675)


def test_names_cannot_be_guessed(folder: PhotoFolder) -> None:
    assert len({folder.keep(image("PNG", (2, 2))) for _ in range(20)}) == 20


def test_removing_takes_both_sizes_and_may_be_repeated(folder: PhotoFolder) -> None:
    name, other = folder.keep(image()), folder.keep(image())
    folder.remove(name)
    folder.remove(name)
    folder.remove(None)
    assert kept_files(folder) == [f"{other}-small.jpg", f"{other}.jpg"]
