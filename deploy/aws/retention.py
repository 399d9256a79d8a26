"""Where logs are kept, and for how long: each place has an end, and goes with its stack."""

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from constructs import Construct

# CloudWatch knows some numbers of days only.
_DAYS = {
    7: logs.RetentionDays.ONE_WEEK,
    30: logs.RetentionDays.ONE_MONTH,
    90: logs.RetentionDays.THREE_MONTHS,
    365: logs.RetentionDays.ONE_YEAR,
}


def log_group(scope: Construct, id: str, *, days: int, name: str | None = None) -> logs.LogGroup:
    """In CloudWatch. Without a `name` AWS chooses one."""
    return logs.LogGroup(
        scope, id, log_group_name=name, retention=_DAYS[days], removal_policy=RemovalPolicy.DESTROY
    )


def log_bucket(
    scope: Construct, id: str, *, days: int, ownership: s3.ObjectOwnership | None = None
) -> s3.Bucket:
    """In S3: who asked for what, and who was refused. Those who write there can use S3's own key alone."""
    return s3.Bucket(
        scope,
        id,
        encryption=s3.BucketEncryption.S3_MANAGED,
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        object_ownership=ownership,
        enforce_ssl=True,
        lifecycle_rules=[s3.LifecycleRule(expiration=Duration.days(days))],
        removal_policy=RemovalPolicy.DESTROY,
    )
