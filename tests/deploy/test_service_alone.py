"""Each service is independent: installed without the two others, it starts and passes its own tests."""

import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.cluster.live_shop import LiveShop

ROOT = Path(__file__).parents[2]
OWN_TESTS = {
    "accounts": ["tests/service/accounts"],
    "catalog": ["tests/service/catalog"],
    "orders": ["tests/service/orders", "tests/service/orders_pages"],
}
NOBODY = "http://127.0.0.1:9"


@pytest.fixture(params=OWN_TESTS)
def service(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def installed(service: str, tmp_path: Path) -> Path:
    """A folder into which the wheel of this service alone has been installed."""
    build = [ROOT / "scripts/build-service", service, tmp_path / "wheels"]
    subprocess.run(build, env={**os.environ, "PYTHON": sys.executable}, check=True, timeout=120)
    [wheel] = (tmp_path / "wheels").glob("*.whl")
    install = ["install", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-index", "--target"]
    target = tmp_path / "site"
    subprocess.run([sys.executable, "-m", "pip", *install, target, wheel], check=True, timeout=120)
    return target


def test_a_service_alone_starts_and_passes_its_own_tests(
    service: str, installed: Path, tmp_path: Path
) -> None:
    packages = {path.name for path in (installed / "bookstore").iterdir() if path.is_dir()}
    assert packages & set(OWN_TESTS) == {service}

    environ = {
        "PYTHONPATH": str(installed),
        "BOOKSTORE_SERVICES": service,
        "BOOKSTORE_SERVICE_TOKEN": "what services show one another, 0123456789",
        "BOOKSTORE_ACCOUNTS_URL": NOBODY,
        "BOOKSTORE_CATALOG_URL": NOBODY,
        "BOOKSTORE_ORDERS_URL": NOBODY,
    }
    shop = LiveShop(tmp_path / "data", environ, options=[])
    migrated = shop.run("migrate").stdout
    assert [line.partition(":")[0] for line in migrated.splitlines()] == [service]
    shop.start()
    try:
        ready = httpx.get(f"{shop.url}/readyz")
        assert (ready.status_code, ready.json()) == (200, {"status": "ok"})
    finally:
        assert shop.stop() == 0

    own = [sys.executable, "-P", "-m", "pytest", "-q", "-p", "no:cacheprovider", *OWN_TESTS[service]]
    done = subprocess.run(
        own,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:]


def test_a_service_that_is_not_installed_is_named(installed: Path, service: str, tmp_path: Path) -> None:
    shop = LiveShop(tmp_path / "data", {"PYTHONPATH": str(installed)}, options=[])
    refused = shop.run("migrate", check=False)
    absent = " and ".join(name for name in OWN_TESTS if name != service)
    assert refused.returncode == 2
    assert f"BOOKSTORE_SERVICES names {absent}, which this installation does not contain" in refused.stderr
    assert list((tmp_path / "data").iterdir()) == []
