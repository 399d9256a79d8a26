"""One machine from its user data: people buy from it, and its successor has all that it had."""

import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.instances import images
from tests.instances.cloud import Cloud
from tests.instances.machine import Instance
from tests.swarm.purchases import Bought, buy_through

DOMAIN = "shop.example"
NAME = f"monolith.{DOMAIN}"
CONTAINERS = ("app", "backup", "database", "edge", "worker")
# Two of the shop, that of its backups, two passwords of the database.
SECRETS = 5


@dataclass
class Monolith:
    """The shop on one machine, as people find it: by its name."""

    cloud: Cloud
    folder: Path

    @property
    def machine(self) -> Instance:
        (machine,) = self.cloud.instances.values()
        return machine

    @property
    def url(self) -> str:
        return f"https://{NAME}"

    @property
    def authority(self) -> Path:
        """The certificate that it has made itself, as those have it who came at first."""
        path = self.folder / "authority.crt"
        if not path.exists():
            path.write_text(self.inside("edge", "cat", "/certificates/current/fullchain.pem"))
        return path

    def inside(self, service: str, *command: str) -> str:
        """What a program says in the container of a service."""
        return self.machine.run("docker", "exec", f"bookstore_{service}_1", *command)

    def look_up(self) -> str:
        """Where the name leads: what comes to a public address, AWS hands to its instance."""
        return self.cloud.instances[self.cloud.ask("leads_to", NAME)].address


@pytest.fixture(scope="module")
def monolith(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Monolith]:
    images.build_database(cloud.plan)
    cloud.open_account(DOMAIN)
    cloud.bring_up("monolith", 1)
    monolith = Monolith(cloud, tmp_path_factory.mktemp("monolith"))
    with pytest.MonkeyPatch.context() as patch:
        follow_names(patch, monolith)
        yield monolith


def follow_names(patch: pytest.MonkeyPatch, monolith: Monolith) -> None:
    """This process finds the shop as the names in the account tell, at each connection anew."""
    look_up = socket.getaddrinfo

    def follow(host: Any, *options: Any, **more: Any) -> Any:
        return look_up(monolith.look_up() if host == NAME else host, *options, **more)

    patch.setattr(socket, "getaddrinfo", follow)


@pytest.fixture(scope="module")
def bought(monolith: Monolith) -> Bought:
    """What Bruno has bought on the first machine."""
    return buy_through(monolith)


def test_it_serves_over_https_with_the_certificate_that_it_made(monolith: Monolith) -> None:
    running = monolith.machine.run("docker", "ps", "--format", "{{.Names}}").split()
    assert sorted(running) == [f"bookstore_{name}_1" for name in CONTAINERS]
    moved = httpx.get(f"http://{NAME}/books?q=a", timeout=10)
    assert (moved.status_code, moved.headers["Location"]) == (301, f"https://{NAME}/books?q=a")


def test_its_disk_and_its_address_are_the_ones_that_the_stack_keeps(monolith: Monolith) -> None:
    assert list(monolith.cloud.ask("volumes").values()) == [monolith.machine.name]
    assert monolith.cloud.ask("leads_to", NAME) == monolith.machine.name
    (disk,) = monolith.cloud.disks.values()
    device = monolith.machine.run("findmnt", "-no", "SOURCE", "/var/lib/docker").strip()
    assert device == str(disk)


def test_people_buy_from_it(bought: Bought) -> None:
    assert bought.buyer.http.get(f"/orders/{bought.reference}").json()["status"] == "paid"


def test_no_secret_is_in_user_data_nor_in_what_it_said(monolith: Monolith) -> None:
    assert len(monolith.cloud.ask("secrets_of_stack")) == SECRETS
    assert monolith.cloud.secrets_told() == []


def test_another_machine_takes_its_disk_and_its_address_and_all_is_there(
    monolith: Monolith, bought: Bought
) -> None:
    cloud, lost = monolith.cloud, monolith.machine
    disks = cloud.ask("volumes")
    another = cloud.replace(lost)

    assert cloud.ask("volumes") == dict.fromkeys(disks, another.name)
    assert cloud.ask("leads_to", NAME) == another.name
    bought.buyer.come_again()
    assert bought.buyer.http.get(f"/orders/{bought.reference}").json()["status"] == "paid"
    assert "agree" in monolith.inside("app", "bookstore", "audit")
    # By who trusts the certificate of before, which is on the disk as well.
    trusted = ssl.create_default_context(cafile=monolith.authority)
    assert httpx.get(f"{monolith.url}{bought.photo}", verify=trusted, timeout=10).status_code == 200
    buy_through(monolith)
