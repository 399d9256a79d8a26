"""Five engines become one Swarm: three managers, two workers, with the labels that the stack files want."""

from bookstore.deploying.errors import CommandFailed
from bookstore.deploying.swarm import forming as swarm
from bookstore.lab import engines, programs
from bookstore.lab.errors import LabNeeds
from bookstore.lab.plan import NODES, LabNode, Plan, engine_of

# A node that says nothing for thrice this time is taken for lost. With less, nodes of a machine that is busy
# for a moment are, and their replicas start elsewhere, which makes it busier.
HEARTBEAT = "5s"
JOIN_SECONDS = 60


def form(plan: Plan) -> None:
    """Start the nodes that do not run, and join those that have not joined."""
    for node in NODES:
        engines.start_node(plan, node)
    managers = {node.name: node.address for node in NODES if node.is_manager}
    workers = {node.name: node.address for node in NODES if not node.is_manager}
    swarm.form(managers, workers, _ask, ["--dispatcher-heartbeat", HEARTBEAT])


def manager() -> LabNode:
    """A manager that answers and has a leader to follow. Raises LabNeeds."""
    for node in NODES:
        if node.is_manager and _leads_or_follows(node):
            return node
    raise LabNeeds(what="a manager that answers: is it up?")


def revive(plan: Plan, node: LabNode) -> None:
    """Start a node again that was lost, and wait until the managers count on it."""
    engines.start_node(plan, node)
    programs.wait_until(lambda: state_of(node) == "ready", JOIN_SECONDS)


def state_of(node: LabNode) -> str:
    """What the managers think of a node: `ready`, `down`, `unknown`."""
    try:
        return engines.docker(
            manager().engine, "node", "inspect", node.name, "--format", "{{.Status.State}}"
        ).strip()
    except (CommandFailed, LabNeeds):
        return "unknown"


def leader() -> LabNode:
    """The manager that decides at the moment."""
    for node in NODES:
        if node.is_manager and _manager_fact(node, "Leader") == "true":
            return node
    raise LabNeeds(what="a leader among its managers")


def has_leader() -> bool:
    """Whether the managers can decide anything."""
    try:
        leader()
    except LabNeeds:
        return False
    return True


def _ask(name: str, *arguments: str) -> str:
    return engines.docker(engine_of(name), *arguments)


def _leads_or_follows(node: LabNode) -> bool:
    return _manager_fact(node, "Reachability") == "reachable"


def _manager_fact(node: LabNode, fact: str) -> str:
    show = f"{{{{if .ManagerStatus}}}}{{{{.ManagerStatus.{fact}}}}}{{{{end}}}}"
    try:
        return engines.docker(node.engine, "node", "inspect", "self", "--format", show).strip()
    except CommandFailed:
        return ""
