"""The registry of the lab: the nodes get their images from it."""

import json
import urllib.request

from bookstore.lab import programs
from bookstore.lab.plan import REGISTRY, Plan

NAME = "registry"


def start(plan: Plan) -> None:
    folder = plan.folder / NAME
    folder.mkdir(parents=True, exist_ok=True)
    settings = plan.state / "registry.yml"
    # JSON is YAML.
    settings.write_text(
        json.dumps(
            {
                "version": 0.1,
                "log": {"level": "warn"},
                "storage": {"filesystem": {"rootdirectory": str(folder)}},
                "http": {"addr": REGISTRY},
            }
        )
    )
    if programs.running(plan.state, NAME) is None:
        programs.start(plan.state, NAME, ["docker-registry", "serve", str(settings)])
    programs.require(plan.state, NAME, _answers)


def stop(plan: Plan) -> None:
    programs.stop(plan.state, NAME)


def _answers() -> bool:
    try:
        with urllib.request.urlopen(f"http://{REGISTRY}/v2/", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
