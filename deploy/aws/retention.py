"""How long CloudWatch keeps logs: it knows some numbers of days only."""

from aws_cdk import aws_logs as logs

_DAYS = {
    7: logs.RetentionDays.ONE_WEEK,
    30: logs.RetentionDays.ONE_MONTH,
    90: logs.RetentionDays.THREE_MONTHS,
}


def kept_for(days: int) -> logs.RetentionDays:
    return _DAYS[days]
