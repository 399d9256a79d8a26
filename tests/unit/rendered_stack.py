"""Stack files as `docker stack deploy` reads them: one over the other, with their variables filled in."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

# ${NAME}, ${NAME:-default}, ${NAME:?why it must be there}; `$$` is a dollar.
VARIABLE = re.compile(r"\$(?:(\$)|\{(\w+)(?::([-?])([^}]*))?\})")


def rendered(paths: list[Path], environ: Mapping[str, str]) -> dict[str, Any]:
    """What these files describe together. Raises KeyError for a variable that nobody sets."""
    whole: dict[str, Any] = {}
    for path in paths:
        whole = _over(whole, yaml.safe_load(_filled_in(path.read_text(), environ)))
    return whole


def as_written(path: Path) -> dict[str, Any]:
    """A file with its variables as they are."""
    return yaml.safe_load(path.read_text())


def _filled_in(text: str, environ: Mapping[str, str]) -> str:
    def value(found: re.Match[str]) -> str:
        dollar, name, kind, default = found.groups()
        if dollar:
            return "$"
        if environ.get(name):
            return environ[name]
        if kind == "-":
            return default
        raise KeyError(name)

    lines = (line for line in text.splitlines(keepends=True) if not line.lstrip().startswith("#"))
    return VARIABLE.sub(value, "".join(lines))


def _over(below: Any, above: Any) -> Any:
    if isinstance(below, dict) and isinstance(above, dict):
        return {**below, **{name: _over(below.get(name), value) for name, value in above.items()}}
    return above
