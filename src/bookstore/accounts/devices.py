"""What a session was opened from."""

from dataclasses import dataclass

MAX_ADDRESS = 45
MAX_USER_AGENT = 300

# The first that is found names it: Edge also calls itself Chrome, and Chrome Safari.
BROWSERS = [
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
    ("python-", "Python"),
]
SYSTEMS = [
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
]


@dataclass(frozen=True)
class Device:
    """Where a request came from: the client's address, and what its browser says it is."""

    address: str
    user_agent: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "address", self.address[:MAX_ADDRESS])
        object.__setattr__(self, "user_agent", self.user_agent[:MAX_USER_AGENT])


def device_name(user_agent: str) -> str:
    """A short name such as "Firefox · Linux"; what is not recognized is shown as it came."""
    known = (_first(BROWSERS, user_agent), _first(SYSTEMS, user_agent))
    return " · ".join(name for name in known if name) or user_agent[:60]


def _first(names: list[tuple[str, str]], user_agent: str) -> str:
    return next((name for mark, name in names if mark in user_agent), "")
