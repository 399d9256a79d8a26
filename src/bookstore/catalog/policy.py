"""What the catalog needs to know from the settings."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Policy:
    """Prices are in one currency; the search index and the photos lie in the data folder."""

    currency: str = "USD"
    books_per_page: int = 24
    data_dir: Path = Path("data")
    max_upload_bytes: int = 8 * 1024 * 1024
