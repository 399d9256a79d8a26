"""The network of the lab: a namespace for each node, and a bridge into which all are plugged."""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from bookstore.deploying.errors import CommandFailed
from bookstore.deploying.programs import run
from bookstore.lab.plan import BRIDGE, NETWORK_BITS, NODES, OUTSIDE, LabNode

# The bridge of those that were cut off from the others, but not from one another.
APART = "bookstore-apart"


def lay() -> None:
    """Lay the network; what there is stays."""
    if not Path(f"/sys/class/net/{BRIDGE}").exists():
        run(["ip", "link", "add", BRIDGE, "type", "bridge"])
        run(["ip", "address", "add", f"{OUTSIDE}/{NETWORK_BITS}", "dev", BRIDGE])
        run(["ip", "link", "set", BRIDGE, "up"])
    let_pass(BRIDGE)
    for node in NODES:
        if not Path(f"/run/netns/{node.namespace}").exists():
            plug_in(BRIDGE, node.namespace, node.cable, f"{node.address}/{NETWORK_BITS}")
            run(["ip", "-n", node.namespace, "route", "add", "default", "via", OUTSIDE])


def remove() -> None:
    """Take all of it away."""
    for node in NODES:
        _quietly("ip", "netns", "delete", node.namespace)
        _quietly("ip", "link", "delete", node.cable)
    for bridge in (BRIDGE, APART):
        remove_bridge(bridge)


def cut(node: LabNode) -> None:
    """Pull a node's cable."""
    run(["ip", "link", "set", node.cable, "down"])


def mend(node: LabNode) -> None:
    run(["ip", "link", "set", node.cable, "up"])


def separate(nodes: Iterable[LabNode]) -> None:
    """Plug these nodes into another bridge: a partition."""
    if not Path(f"/sys/class/net/{APART}").exists():
        run(["ip", "link", "add", APART, "type", "bridge"])
        run(["ip", "link", "set", APART, "up"])
    let_pass(APART)
    for node in nodes:
        run(["ip", "link", "set", node.cable, "master", APART])


def reunite() -> None:
    for node in NODES:
        run(["ip", "link", "set", node.cable, "master", BRIDGE])


def is_plugged_in(node: LabNode) -> bool:
    """Whether a node's cable is in, and leads to the others."""
    cable = Path(f"/sys/class/net/{node.cable}")
    try:
        return (cable / "master").resolve().name == BRIDGE and "up" in (cable / "operstate").read_text()
    except OSError:
        return False


def plug_in(bridge: str, namespace: str, cable: str, *addresses: str) -> None:
    """Make a namespace with a network card of these addresses (with their bits), plugged into a bridge."""
    inside = ["ip", "-n", namespace]
    run(["ip", "netns", "add", namespace])
    run(["ip", "link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", namespace])
    run(["ip", "link", "set", cable, "master", bridge, "up"])
    for address in addresses:
        run([*inside, "address", "add", address, "dev", "eth0"])
    for device in ("eth0", "lo"):
        run([*inside, "link", "set", device, "up"])


def let_pass(bridge: str) -> None:
    """Traffic within a bridge passes the firewall, which may have been told to stop everything."""
    _quietly("iptables", "-w", "-D", *_passage(bridge))
    run(["iptables", "-w", "-I", *_passage(bridge)])


def remove_bridge(bridge: str) -> None:
    _quietly("ip", "link", "delete", bridge)
    _quietly("iptables", "-w", "-D", *_passage(bridge))


def _passage(bridge: str) -> list[str]:
    return ["FORWARD", "-i", bridge, "-o", bridge, "-j", "ACCEPT"]


def _quietly(*command: str) -> None:
    with suppress(CommandFailed):
        run(command)
