"""`bookstore autoscale`: beside the shop on a Swarm, as a service of its own."""

import click

from bookstore.autoscaling.policy import Pace
from bookstore.config import Settings


@click.command()
@click.pass_obj
def autoscale(settings: Settings) -> None:
    """Run more replicas on a Docker Swarm when there is more to do, and fewer when there is less.

    It looks after the services that have the label bookstore.autoscale.max, and .min, .target (requests in
    flight in each replica) and .p95 (seconds) beside it; it needs the engine of a manager (DOCKER_HOST) and
    the network of the replicas. docs/swarm.md tells how `bookstore deploy swarm --autoscale` runs it.
    """
    from bookstore.autoscaling.autoscaler import Autoscaler
    from bookstore.autoscaling.replica_metrics import ReplicaMetrics
    from bookstore.shared.process import told_to_stop
    from bookstore.shared.telemetry import configure_logging, serve_metrics

    try:
        from bookstore.autoscaling.docker_swarm import DockerSwarm
    except ImportError as error:
        raise click.ClickException("it needs the Docker SDK: pip install 'bookstore[autoscale]'") from error
    configure_logging(settings.log_format, settings.log_level)
    stop = told_to_stop()
    serve_metrics(settings.host, settings.metrics_port)
    click.echo(f"looking each {settings.autoscale_every_seconds:g} s (Ctrl-C ends)")
    with ReplicaMetrics() as metrics:
        autoscaler = Autoscaler(DockerSwarm(), metrics, pace_of(settings))
        autoscaler.run_until(stop, settings.autoscale_every_seconds)


def pace_of(settings: Settings) -> Pace:
    return Pace(
        up_seconds=settings.autoscale_up_seconds,
        down_seconds=settings.autoscale_down_seconds,
        step_up=settings.autoscale_step_up,
        step_down=settings.autoscale_step_down,
        tolerance=settings.autoscale_tolerance,
        rebalance_seconds=settings.autoscale_rebalance_seconds,
    )
