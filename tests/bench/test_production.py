"""What is measured is what is deployed."""

import re
from pathlib import Path

from bench.production import OF_THE_IMAGE, SETTINGS

from bookstore.config import variable

DOCKERFILE = Path(__file__).parents[2] / "Dockerfile"
# The benchmark has a folder of its own for each, and nobody from outside.
ELSEWHERE = {"host", "metrics_port", "data_dir", "media_dir", "backup_dir", "commit"}


def test_the_benchmark_runs_with_what_the_image_says() -> None:
    [block] = re.findall(r"(?m)^ENV (PATH=(?:.*\\\n)*.*)$", DOCKERFILE.read_text())
    image = dict(pair.split("=", 1) for pair in block.replace("\\\n", " ").split())
    names = {name for name in image if name.startswith("BOOKSTORE_")} - {variable(name) for name in ELSEWHERE}
    ours = OF_THE_IMAGE | {variable(name): value for name, value in SETTINGS.items()}

    assert names == {
        "BOOKSTORE_ENVIRONMENT",
        "BOOKSTORE_EMBEDDED_WORKER",
        "BOOKSTORE_LOG_FORMAT",
    }
    for name in names | {"MALLOC_ARENA_MAX"}:
        assert ours[name] == image[name], name
