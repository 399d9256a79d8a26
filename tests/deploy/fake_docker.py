"""Plays the docker program of hosts that become a Swarm: `fake_docker.py FOLDER HOST ARGUMENT...`.

What all hosts know lies in the folder. It refuses what a real engine refuses: a second `init` or `join`, a token of
another role or cluster, an address at which no manager listens.
"""

import json
import sys
from pathlib import Path
from typing import Any

Cluster = dict[str, Any]
PORT = 2377


def main(folder: Path, host: str, arguments: list[str]) -> str:
    path = folder / "cluster.json"
    cluster: Cluster = json.loads(path.read_text()) if path.exists() else {"nodes": {}, "asked": []}
    cluster["asked"].append([host, *arguments])
    try:
        return _answer(cluster, host, arguments)
    finally:
        path.write_text(json.dumps(cluster))


def _answer(cluster: Cluster, host: str, arguments: list[str]) -> str:
    nodes = cluster["nodes"]
    match arguments:
        case ["info", "--format", "{{json .Swarm}}"]:
            node = nodes.get(host)
            state = "active" if node or host in cluster.get("elsewhere", []) else "inactive"
            return json.dumps({"LocalNodeState": state, "NodeID": node["id"] if node else f"foreign-{host}"})
        case ["swarm", "init", *options]:
            _require(not nodes, "this cluster has begun already")
            return _enter(nodes, host, "manager", options)
        case ["swarm", "join-token", "--quiet", role]:
            _require(nodes[host]["role"] == "manager", "this node is not a swarm manager")
            return f"SWMTKN-{role}"
        case ["swarm", "join", *options, leader]:
            _require(host not in nodes, "this node is already part of a swarm")
            _require(host not in cluster.get("unable", []), f"error while validating {options[-1]}")
            listening = {f"{node['address']}:{PORT}" for node in nodes.values() if node["role"] == "manager"}
            _require(leader in listening, f"nobody listens at {leader}")
            role = options[options.index("--token") + 1].removeprefix("SWMTKN-")
            _require(role in {"manager", "worker"}, "invalid join token")
            return _enter(nodes, host, role, options)
        case ["node", "ls", *options]:
            _require(nodes[host]["role"] == "manager", "this node is not a swarm manager")
            return "\n".join(node["id"] if options else name for name, node in sorted(nodes.items()))
        case ["node", "update", *options, wanted]:
            [node] = [node for node in nodes.values() if node["id"] == wanted]
            node["labels"] = sorted({*node["labels"], *options[1::2]})
            return wanted
    raise SystemExit(f"docker: {arguments} is not a docker command")


def _enter(nodes: dict[str, Any], host: str, role: str, options: list[str]) -> str:
    address = options[options.index("--advertise-addr") + 1]
    _require(options[options.index("--listen-addr") + 1] == f"{address}:{PORT}", "it would listen elsewhere")
    nodes[host] = {"id": f"id-{host}", "role": role, "address": address, "labels": []}
    return "This node joined a swarm."


def _require(holds: bool, complaint: str) -> None:
    if not holds:
        raise SystemExit(f"Error response from daemon: {complaint}")


if __name__ == "__main__":
    print(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:]))
