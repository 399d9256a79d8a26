"""What the catalog needs to know from the settings."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Policy:
    """Prices are in one currency; the photos lie in the media folder, which all replicas share."""

    currency: str = "USD"
    books_per_page: int = 24
    media_dir: Path = Path("data/media")
    max_upload_bytes: int = 8 * 1024 * 1024
