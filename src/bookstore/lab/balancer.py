"""The load balancer of the lab, outside of the cluster as an ALB is: HAProxy with a self-made certificate."""

import os
import signal
from collections.abc import Mapping

from bookstore.deploying.programs import run
from bookstore.deploying.swarm.balancer import configuration
from bookstore.lab import programs
from bookstore.lab.plan import NODES, OUTSIDE, SOCKETS, Plan

NAME = "balancer"


def start(plan: Plan, nodes: Mapping[str, str] | None = None) -> None:
    """Start it, or let it take up a configuration that changed. Without `nodes` those of the lab."""
    if not plan.certificate.exists():
        _make_certificate(plan)
    file = plan.state / "haproxy.cfg"
    file.write_text(
        configuration(
            plan.stack_files,
            nodes=nodes or {node.name: f"{node.address}:80" for node in NODES},
            listen=OUTSIDE,
            certificate=plan.certificate,
            control=SOCKETS / "balancer.sock",
        )
    )
    run(["haproxy", "-c", "-q", "-f", str(file)])
    pid = programs.running(plan.state, NAME)
    if pid is None:
        programs.start(plan.state, NAME, ["haproxy", "-W", "-db", "-f", str(file)])
    else:
        os.kill(pid, signal.SIGUSR2)


def stop(plan: Plan) -> None:
    programs.stop(plan.state, NAME)


def _make_certificate(plan: Plan) -> None:
    key = plan.state / "shop.key"
    names = f"subjectAltName=IP:{OUTSIDE},DNS:shop.lab"
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc"]
    about = ["-days", "365", "-subj", "/CN=shop.lab", "-addext", names]
    run([*make, *about, "-keyout", str(key), "-out", str(plan.authority)])
    plan.certificate.touch(mode=0o600)
    plan.certificate.write_text(plan.authority.read_text() + key.read_text())
