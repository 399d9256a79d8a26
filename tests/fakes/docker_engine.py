"""What the engine of a manager answers to the Docker SDK, as far as the autoscaler asks: HTTP on a real socket.

The documents have the shape of those of an engine 20.10. An update is refused unless it says the version that it was
made for, as an engine does, and what it says replaces all that there was.
"""

import json
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from bookstore.autoscaling.docker_swarm import DockerSwarm

NOW = datetime.fromisoformat("2026-05-01T12:00:00+00:00")
CONSTRAINT = "node.labels.bookstore.app == true"
Document = dict[str, Any]


@dataclass
class DockerEngine:
    """The adapter before a stand-in for an engine, and what a test does to the cluster behind it."""

    nodes: list[str] = field(default_factory=lambda: ["node1", "node2"])
    is_away: bool = False
    told: dict[str, Document] = field(default_factory=dict)
    tasks: list[Document] = field(default_factory=list)

    def __post_init__(self) -> None:
        handler = type("Handler", (_Handler,), {"engine": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        Thread(target=self._server.serve_forever, daemon=True).start()
        self.swarm = DockerSwarm(f"tcp://127.0.0.1:{self._server.server_port}", lambda: NOW)
        self.services, self.scale, self.rebalance = (
            self.swarm.services,
            self.swarm.scale,
            self.swarm.rebalance,
        )

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def add(self, name: str, replicas: int, labels: dict[str, str], stack: str = "shop") -> None:
        image = {
            "Image": "registry:5000/bookstore:one@sha256:0123",
            "Env": ["A=1"],
            "Hostname": "{{.Node.Hostname}}",
        }
        self.told[name] = {
            "ID": f"id-{name}",
            "Version": {"Index": 1},
            "Spec": {
                "Name": name,
                "Labels": {**labels, "com.docker.stack.namespace": stack},
                "TaskTemplate": {
                    "ContainerSpec": image,
                    "Placement": {"Constraints": [CONSTRAINT]},
                    "ForceUpdate": 0,
                    "Networks": [{"Target": "network", "Aliases": ["app"]}],
                },
                "Mode": {"Replicated": {"Replicas": replicas}},
                "UpdateConfig": {"Parallelism": 2, "FailureAction": "rollback", "Order": "start-first"},
                "RollbackConfig": {"Parallelism": 4, "Order": "start-first"},
                "EndpointSpec": {"Mode": "dnsrr"},
            },
        }

    def place(self, name: str, node: str, replica: str, address: str, *, runs: bool = True) -> None:
        networks = [("ingress", {"Ingress": True}, "10.255.0.9/16"), ("shop", {}, f"{address}/24")]
        task = {
            "ID": replica,
            "ServiceID": f"id-{name}",
            "NodeID": f"id-{node}",
            "DesiredState": "running",
            "Status": {"State": "running" if runs else "starting"},
            "NetworksAttachments": [
                {"Network": {"ID": network, "Spec": {"Name": network, **spec}}, "Addresses": [own]}
                for network, spec, own in networks
            ],
        }
        self.tasks.append(task)

    def change(self, name: str, state: str) -> None:
        ended = NOW - timedelta(seconds=5 if state == "just completed" else 500)
        status = {"State": state.removeprefix("just "), "StartedAt": "2026-05-01T11:00:00.123456789Z"}
        if "completed" in state:
            status["CompletedAt"] = f"{ended:%Y-%m-%dT%H:%M:%S}.123456789Z"
        self.told[name]["UpdateStatus"] = status

    def touch(self, name: str) -> None:
        self.told[name]["Version"]["Index"] += 1

    def replicas_of(self, name: str) -> int:
        return int(self.told[name]["Spec"]["Mode"]["Replicated"]["Replicas"])

    def rebalanced(self, name: str) -> int:
        return int(self.told[name]["Spec"]["TaskTemplate"]["ForceUpdate"])

    def answer(self, path: str, query: dict[str, list[str]]) -> object:
        if self.is_away:
            raise LookupError("The swarm does not have a leader")
        if path == "/version":
            return {"ApiVersion": "1.41", "MinAPIVersion": "1.12", "Version": "20.10.24"}
        filters = json.loads(query.get("filters", ["{}"])[0])
        if path == "/services":
            return list(self.told.values())
        if path == "/tasks":
            return [one for one in self.tasks if one["ServiceID"] in filters["service"]]
        if path == "/nodes":
            return [_node(name) for name in self.nodes]
        return self._service(path.split("/")[2])

    def update(self, path: str, query: dict[str, list[str]], spec: Document) -> object:
        service = self._service(path.split("/")[2])
        if int(query["version"][0]) != service["Version"]["Index"]:
            raise LookupError("rpc error: code = Unknown desc = update out of sequence")
        service["PreviousSpec"], service["Spec"] = deepcopy(service["Spec"]), spec
        service["Version"]["Index"] += 1
        return {"Warnings": None}

    def _service(self, service_id: str) -> Document:
        return next(one for one in self.told.values() if one["ID"] == service_id)


class _Handler(BaseHTTPRequestHandler):
    engine: ClassVar[DockerEngine]

    def do_GET(self) -> None:
        self._carry_out(lambda path, query: self.engine.answer(path, query))

    def do_POST(self) -> None:
        spec = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._carry_out(lambda path, query: self.engine.update(path, query, spec))

    def log_message(self, *_: object) -> None:
        """The tests print what matters."""

    def _carry_out(self, answer: Any) -> None:
        url = urlsplit(self.path)
        try:
            status, said = 200, answer(url.path.removeprefix("/v1.41"), parse_qs(url.query))
        except LookupError as error:
            status, said = 503, {"message": str(error)}
        body = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _node(name: str) -> Document:
    """A node that is ready; one with a `!` is down, and one with a `-` has not the label."""
    return {
        "ID": f"id-{name}",
        "Description": {"Hostname": name},
        "Spec": {
            "Role": "worker",
            "Availability": "active",
            "Labels": {"bookstore.app": str("-" not in name).lower()},
        },
        "Status": {"State": "down" if "!" in name else "ready"},
    }
