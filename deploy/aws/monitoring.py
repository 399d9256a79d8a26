"""What is watched, who is told when it is not as it should be, and one page that shows it."""

from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import Aws, Duration, Stack
from aws_cdk import aws_autoscaling as autoscaling
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_elasticloadbalancingv2 as elb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from database import Database
from environment import Environment
from files import Files
from profiles import Profile

MINUTE = Duration.minutes(1)
FIVE_MINUTES = Duration.minutes(5)
ABOVE = cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD
BELOW = cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD
GIB = 1024**3
LEAST = {"period": FIVE_MINUTES, "statistic": "Minimum"}


class Alerts(Construct):
    """A topic, and the operator's address on it."""

    def __init__(self, scope: Construct, id: str, *, environment: Environment) -> None:
        super().__init__(scope, id)
        self.topic = sns.Topic(self, "Topic", enforce_ssl=True)
        # With a policy of its own, the topic takes nothing from alarms that it does not name.
        self.topic.add_to_resource_policy(
            iam.PolicyStatement(
                actions=["sns:Publish"],
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                resources=[self.topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
            )
        )
        if environment.alarm_email:
            self.topic.add_subscription(subscriptions.EmailSubscription(environment.alarm_email))


@dataclass(frozen=True, kw_only=True)
class Watch:
    """One number, and where it begins to be wrong for so many periods in a row."""

    name: str
    metric: cloudwatch.IMetric
    limit: float
    meaning: str
    compare: cloudwatch.ComparisonOperator = ABOVE
    periods: int = 3


class Watches(Construct):
    """An alarm for each, which tells the topic when it begins and when it ends, and a page that shows all."""

    def __init__(self, scope: Construct, id: str, *, watches: Sequence[Watch], alerts: sns.ITopic) -> None:
        super().__init__(scope, id)
        self.alarms = {watch.name: self._alarm(watch, alerts) for watch in watches}
        self._show(watches)

    def _alarm(self, watch: Watch, alerts: sns.ITopic) -> cloudwatch.Alarm:
        alarm = cloudwatch.Alarm(
            self,
            watch.name,
            alarm_name=alarm_name(Stack.of(self).stack_name, watch.name),
            alarm_description=watch.meaning,
            metric=watch.metric,
            threshold=watch.limit,
            comparison_operator=watch.compare,
            evaluation_periods=watch.periods,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        action = actions.SnsAction(alerts)
        alarm.add_alarm_action(action)
        alarm.add_ok_action(action)
        return alarm

    def _show(self, watches: Sequence[Watch]) -> None:
        page = cloudwatch.Dashboard(self, "Dashboard", dashboard_name=Stack.of(self).stack_name)
        page.add_widgets(
            cloudwatch.AlarmStatusWidget(alarms=list(self.alarms.values()), title="Alarms", width=24)
        )
        page.add_widgets(
            *(
                cloudwatch.GraphWidget(
                    title=watch.name,
                    left=[watch.metric],
                    left_annotations=[cloudwatch.HorizontalAnnotation(value=watch.limit, label="alarm")],
                    width=8,
                )
                for watch in watches
            )
        )


def alarm_name(stack: str, name: str) -> str:
    return f"{stack}-{name}"


def of_edge(
    *,
    balancer: elb.ApplicationLoadBalancer,
    targets: elb.ApplicationTargetGroup,
    certificate: acm.ICertificate,
    minimum: int,
) -> list[Watch]:
    """What people notice: errors, waiting, and how many instances answer."""
    errors = {"period": MINUTE, "statistic": "Sum"}
    return [
        Watch(
            name="Errors",
            metric=targets.metrics.http_code_target(elb.HttpCodeTarget.TARGET_5XX_COUNT, **errors),
            limit=5,
            periods=2,
            meaning="The shop answered more than five requests of a minute with 5xx",
        ),
        Watch(
            name="BalancerErrors",
            metric=balancer.metrics.http_code_elb(elb.HttpCodeElb.ELB_5XX_COUNT, **errors),
            limit=5,
            periods=2,
            meaning="The load balancer answered more than five requests of a minute with 5xx itself",
        ),
        Watch(
            name="Latency",
            metric=targets.metrics.target_response_time(period=MINUTE, statistic="p95"),
            limit=1.0,
            periods=5,
            meaning="One in twenty waits for longer than a second",
        ),
        Watch(
            name="Unhealthy",
            metric=targets.metrics.unhealthy_host_count(period=MINUTE, statistic="Maximum"),
            limit=0,
            periods=5,
            meaning="An instance is not ready",
        ),
        Watch(
            name="Healthy",
            metric=targets.metrics.healthy_host_count(period=MINUTE, statistic="Minimum"),
            limit=minimum,
            compare=BELOW,
            periods=5,
            meaning="Fewer instances answer than there should be",
        ),
        of_certificate(certificate),
    ]


def of_certificate(certificate: acm.ICertificate) -> Watch:
    """ACM renews what it has issued 60 days before the end, and what was imported never."""
    return Watch(
        name="Certificate",
        metric=certificate.metric_days_to_expiry(period=Duration.days(1), statistic="Minimum"),
        limit=30,
        compare=BELOW,
        periods=1,
        meaning="The certificate ends in less than 30 days",
    )


def of_database(database: Database, *, profile: Profile) -> list[Watch]:
    """The server, and the replica behind it where there is one."""
    server = database.instance
    watches = [
        Watch(
            name="DatabaseCpu",
            metric=server.metric_cpu_utilization(period=FIVE_MINUTES),
            limit=80,
            meaning="The database has computed at 80% and more for a quarter of an hour",
        ),
        Watch(
            name="DatabaseStorage",
            metric=server.metric_free_storage_space(period=FIVE_MINUTES, statistic="Minimum"),
            limit=profile.database_disk_gib * GIB // 5,
            compare=BELOW,
            periods=1,
            meaning="Less than a fifth of the database's first disk is free",
        ),
        Watch(
            name="DatabaseConnections",
            metric=server.metric_database_connections(period=MINUTE, statistic="Maximum"),
            limit=profile.database_connections * 4 // 5,
            meaning="Four fifths of the connections that a server of this size takes are used",
        ),
    ]
    if profile.database_disk_type == "gp2":
        watches.append(
            Watch(
                name="DatabaseBurst",
                metric=server.metric("BurstBalance", period=FIVE_MINUTES, statistic="Minimum"),
                limit=20,
                compare=BELOW,
                meaning="The disk of the database will soon be slow",
            )
        )
    if profile.database_type.startswith("t"):
        watches.append(_credits("DatabaseCredits", server.metric("CPUCreditBalance", **LEAST)))
    if database.replica:
        watches.append(
            Watch(
                name="ReplicaLag",
                metric=database.replica.metric("ReplicaLag", period=MINUTE, statistic="Maximum"),
                limit=30,
                meaning="The replica is more than 30 seconds behind",
            )
        )
    return watches


def of_files(files: Files) -> list[Watch]:
    credits = cloudwatch.Metric(
        namespace="AWS/EFS",
        metric_name="BurstCreditBalance",
        dimensions_map={"FileSystemId": files.file_system.file_system_id},
        **LEAST,
    )
    return [
        Watch(
            name="FilesBurst",
            metric=credits,
            limit=256 * GIB,
            compare=BELOW,
            meaning="The shared files will soon be slow",
        )
    ]


def of_instances(name: str, group: autoscaling.AutoScalingGroup, *, profile: Profile) -> list[Watch]:
    """What EC2 says of the instances of a group."""
    named = {"AutoScalingGroupName": group.auto_scaling_group_name}
    broken = cloudwatch.Metric(
        namespace="AWS/EC2",
        metric_name="StatusCheckFailed",
        dimensions_map=named,
        period=MINUTE,
        statistic="Maximum",
    )
    watches = [
        Watch(name=f"{name}Broken", metric=broken, limit=0, meaning="EC2 says that an instance is broken")
    ]
    if profile.instance_type.startswith("t"):
        credits = cloudwatch.Metric(
            namespace="AWS/EC2", metric_name="CPUCreditBalance", dimensions_map=named, **LEAST
        )
        watches.append(_credits(f"{name}Credits", credits))
    return watches


def _credits(name: str, metric: cloudwatch.IMetric) -> Watch:
    return Watch(
        name=name, metric=metric, limit=20, compare=BELOW, meaning="Its CPU will soon be slow, or cost more"
    )
