"""The network between the nodes, as far as it can be seen from where somebody deploys."""

import socket
from collections.abc import Iterator, Sequence

from bookstore.deploying.findings import Finding
from bookstore.deploying.swarm.nodes import Node

MANAGEMENT_PORT, GOSSIP_PORT, VXLAN_PORT = 2377, 7946, 4789
CONNECT_SECONDS, REFUSE_SECONDS = 2, 0.5
# What VXLAN puts around a packet, and what encryption adds to that.
VXLAN_BYTES, ENCRYPTED_BYTES = 50, 100
# Linux knows it, Python's module does not name it.
IP_MTU = 14
UNSEEN = "whether a firewall swallows it, nobody sees from here"


def ports(nodes: Sequence[Node], *, has_network: bool) -> Iterator[Finding]:
    """Whether the nodes can be asked at the ports by which they reach one another."""
    ready = [node for node in nodes if node.is_ready]
    closed = [
        f"{node.name}:{port}"
        for node in ready
        for port in ((MANAGEMENT_PORT, GOSSIP_PORT) if node.is_manager else (GOSSIP_PORT,))
        if not _is_open(node.address, port)
    ]
    detail = f"from here closed: {', '.join(closed)}" if closed else "2377 of managers and 7946 of all open"
    yield Finding("ports", not closed, detail, must=False)
    yield _udp(ready, GOSSIP_PORT, "refused by %s: the nodes do not hear of one another")
    if has_network:
        lost = "refused by %s: packets of replicas end there, unless it runs none"
        yield _udp(ready, VXLAN_PORT, lost)
    else:
        detail = f"VXLAN, which listens once the network of the stack is there; {UNSEEN}"
        yield Finding(f"port {VXLAN_PORT}/udp", holds=True, detail=detail, must=False)


def largest_packets(nodes: Sequence[Node], mtu: int, *, encrypted: bool) -> Finding:
    """Whether the ways to the nodes carry what the overlay network makes of its largest packets."""
    needed = mtu + (ENCRYPTED_BYTES if encrypted else VXLAN_BYTES)
    try:
        carried = min(_mtu_to(node.address) for node in nodes if node.is_ready)
    except (OSError, ValueError):
        return Finding("MTU", holds=False, detail="nobody sees it from here", must=False)
    detail = f"packets of {mtu} become {needed} between the nodes; the ways from here carry {carried}"
    return Finding("MTU", needed <= carried, detail, must=False)


def _udp(nodes: Sequence[Node], port: int, refused: str) -> Finding:
    """Nobody answers there, but a machine on which nobody listens says that."""
    refusing = ", ".join(node.name for node in nodes if _refuses(node.address, port))
    detail = refused % refusing if refusing else f"refused by nobody; {UNSEEN}"
    return Finding(f"port {port}/udp", not refusing, detail, must=False)


def _is_open(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), timeout=CONNECT_SECONDS):
            return True
    except OSError:
        return False


def _refuses(address: str, port: int) -> bool:
    with _datagrams(address) as probe:
        probe.settimeout(REFUSE_SECONDS)
        try:
            probe.connect((address, port))
            probe.send(b"")
            probe.recv(1)
        except ConnectionRefusedError:
            return True
        except OSError:
            return False
    return False


def _mtu_to(address: str) -> int:
    with _datagrams(address) as probe:
        probe.connect((address, VXLAN_PORT))
        return probe.getsockopt(socket.IPPROTO_IP, IP_MTU)


def _datagrams(address: str) -> socket.socket:
    return socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
