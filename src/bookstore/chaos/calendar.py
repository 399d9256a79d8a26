"""All game days, each with what is promised. The seconds are those of a lab on two busy cores."""

from bookstore.chaos import clock, databases, replicas_and_nodes, shared_folder
from bookstore.chaos.game_day import GameDay
from bookstore.chaos.verdict import Limits, told_to_come_back

GAME_DAYS = (
    GameDay(
        "kill-replica",
        "A replica that is killed while it answers costs nobody a request: nginx asks another one, and the "
        "Swarm starts one in its place.",
        replicas_and_nodes.kill_replica,
        Limits(seconds=120),
        needs_lab=False,
    ),
    GameDay(
        "kill-worker-node",
        "A worker that loses power and network costs nobody a request: the load balancer repeats on another "
        "node what may be repeated, and the replicas start elsewhere.",
        replicas_and_nodes.kill_worker_node,
        Limits(seconds=180),
    ),
    GameDay(
        "kill-leader",
        "When the manager that decides loses power and network, another one decides within seconds, and "
        "nobody who buys notices.",
        replicas_and_nodes.kill_leader,
        Limits(seconds=180),
    ),
    GameDay(
        "partition",
        "Two workers that are cut off from all others get no requests; the side with the quorum starts their "
        "replicas anew, and nobody notices.",
        replicas_and_nodes.partition,
        Limits(seconds=180),
    ),
    GameDay(
        "slow-database",
        "A database that stands still half of the time makes everything slower and nothing fail, and no "
        "replica is killed for it.",
        databases.slow_database,
        Limits(seconds=30),
        lasts=20,
    ),
    GameDay(
        "database-failover",
        "While the database takes no changes and then is away, people are told by a 503 to come back, never "
        "left without an answer; when another server answers at its address, the shop goes on by itself, no "
        "acknowledged order is lost, and who repeats a purchase with the same keys gets it once. (RDS does "
        "it by the name of the address; here a server is killed, and started on the same disk.)",
        databases.database_failover,
        Limits(seconds=30, tolerates=told_to_come_back),
        lasts=1,
    ),
    GameDay(
        "fill-disk",
        "When the shared folder is full, who uploads a photo is told so (507 storage_full) and nothing "
        "changes; everything else goes on, and uploads too once there is room.",
        shared_folder.fill_disk,
        Limits(seconds=30),
        lasts=20,
    ),
    GameDay(
        "slow-payments",
        "A payment service that answers seconds late makes payments late and nothing else: people browse, "
        "nobody is refused, and nobody is charged twice.",
        databases.slow_payments,
        Limits(seconds=30),
        lasts=20,
    ),
    GameDay(
        "clock-skew",
        "A replica whose clock is half a minute ahead, which is longer than a step of an order may take, "
        "refuses nobody and charges nobody twice, though it may take over orders too early. (Its clock is "
        "wrong for its programs alone. Minutes would be another matter: tokens live for five.)",
        clock.clock_skew,
        Limits(seconds=30),
        lasts=20,
    ),
)
