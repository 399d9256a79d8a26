"""CloudFront in front of a shop: static files and photos from near the reader, and a firewall that counts.

A stack of its own, because AWS keeps both in one region, wherever the shop is. It finds the load balancer by
name, so it needs nothing of the shop's own stack.
"""

from aws_cdk import ArnFormat, CfnOutput, Duration, Stack
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from aws_cdk import aws_logs as logs
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_route53_targets as targets
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_wafv2 as waf
from constructs import Construct

from edge import zone
from environment import Environment
from retention import log_bucket, log_group

# Their addresses change with their content, so nobody needs to ask for them twice.
KEPT = ("/static/*", "/media/*")
# A request may take as long as nginx waits for the shop.
READ_SECONDS = 30
# AWS's own lists: what attacks look like, and who attacks.
LISTS = ("AWSManagedRulesAmazonIpReputationList", "AWSManagedRulesKnownBadInputsRuleSet")
# The firewall writes into no group whose name begins otherwise.
FIREWALL_LOGS = "aws-waf-logs-"
SECRET_HEADERS = ("authorization", "cookie")


class CdnStack(Stack):
    """Pages and the API go through untouched."""

    def __init__(
        self, scope: Construct, id: str, *, environment: Environment, deployment: str, **stack: object
    ) -> None:
        super().__init__(scope, id, **stack)
        self._environment = environment
        name = environment.name_of(deployment)
        distribution = self._distribution(name, environment.origin_of(deployment))
        for kind in (route53.ARecord, route53.AaaaRecord):
            kind(
                self,
                kind.__name__,
                zone=zone(self, environment),
                record_name=f"{name}.",
                target=route53.RecordTarget.from_alias(targets.CloudFrontTarget(distribution)),
            )
        CfnOutput(self, "DistributionName", value=distribution.distribution_domain_name)

    def _distribution(self, name: str, origin_name: str) -> cloudfront.Distribution:
        origin = origins.HttpOrigin(
            origin_name,
            protocol_policy=cloudfront.OriginProtocolPolicy.HTTPS_ONLY,
            origin_ssl_protocols=[cloudfront.OriginSslPolicy.TLS_V1_2],
            read_timeout=Duration.seconds(READ_SECONDS),
        )
        kept = cloudfront.BehaviorOptions(
            origin=origin,
            cache_policy=cloudfront.CachePolicy.CACHING_OPTIMIZED,
            viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.REDIRECT_TO_HTTPS,
        )
        return cloudfront.Distribution(
            self,
            "Distribution",
            domain_names=[name],
            certificate=self._certificate(name),
            minimum_protocol_version=cloudfront.SecurityPolicyProtocol.TLS_V1_2_2021,
            http_version=cloudfront.HttpVersion.HTTP2_AND_3,
            price_class=cloudfront.PriceClass.PRICE_CLASS_100,
            web_acl_id=self._firewall().attr_arn,
            log_bucket=self._logs(),
            default_behavior=cloudfront.BehaviorOptions(
                origin=origin,
                allowed_methods=cloudfront.AllowedMethods.ALLOW_ALL,
                cache_policy=cloudfront.CachePolicy.CACHING_DISABLED,
                origin_request_policy=cloudfront.OriginRequestPolicy.ALL_VIEWER,
                viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.REDIRECT_TO_HTTPS,
            ),
            additional_behaviors=dict.fromkeys(KEPT, kept),
        )

    def _certificate(self, name: str) -> acm.ICertificate:
        if given := self._environment.cdn_certificate:
            return acm.Certificate.from_certificate_arn(self, "Certificate", given)
        validation = acm.CertificateValidation.from_dns(zone(self, self._environment))
        return acm.Certificate(self, "Certificate", domain_name=name, validation=validation)

    def _logs(self) -> s3.Bucket:
        """CloudFront writes as an owner of what it writes, which a bucket must allow."""
        days = self._environment.profile.access_log_days
        return log_bucket(self, "Logs", days=days, ownership=s3.ObjectOwnership.BUCKET_OWNER_PREFERRED)

    def _firewall(self) -> waf.CfnWebACL:
        firewall = waf.CfnWebACL(
            self,
            "Firewall",
            scope="CLOUDFRONT",
            default_action=waf.CfnWebACL.DefaultActionProperty(allow={}),
            visibility_config=_visible("Firewall"),
            rules=[
                self._rate_rule(),
                *(_list_rule(name, priority) for priority, name in enumerate(LISTS, start=1)),
            ],
        )
        self._log(firewall)
        return firewall

    def _log(self, firewall: waf.CfnWebACL) -> None:
        """What it decided of each request, without what would let a reader of the logs be somebody else."""
        group = log_group(
            self,
            "FirewallLogs",
            days=self._environment.profile.access_log_days,
            name=f"{FIREWALL_LOGS}{self.stack_name}",
        )
        waf.CfnLoggingConfiguration(
            self,
            "FirewallLog",
            resource_arn=firewall.attr_arn,
            log_destination_configs=[self._arn_of(group)],
            redacted_fields=[
                waf.CfnLoggingConfiguration.FieldToMatchProperty(single_header={"Name": name})
                for name in SECRET_HEADERS
            ],
        )

    def _arn_of(self, group: logs.LogGroup) -> str:
        """Without the ":*" for its streams, with which the firewall does not take it."""
        return self.format_arn(
            service="logs",
            resource="log-group",
            resource_name=group.log_group_name,
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )

    def _rate_rule(self) -> waf.CfnWebACL.RuleProperty:
        """Whoever asks for more within five minutes is refused until it is less again."""
        return waf.CfnWebACL.RuleProperty(
            name="Rate",
            priority=0,
            action=waf.CfnWebACL.RuleActionProperty(block={}),
            visibility_config=_visible("Rate"),
            statement=waf.CfnWebACL.StatementProperty(
                rate_based_statement=waf.CfnWebACL.RateBasedStatementProperty(
                    aggregate_key_type="IP", limit=self._environment.profile.requests_per_address
                )
            ),
        )


def _list_rule(name: str, priority: int) -> waf.CfnWebACL.RuleProperty:
    return waf.CfnWebACL.RuleProperty(
        name=name,
        priority=priority,
        override_action=waf.CfnWebACL.OverrideActionProperty(none={}),
        visibility_config=_visible(name),
        statement=waf.CfnWebACL.StatementProperty(
            managed_rule_group_statement=waf.CfnWebACL.ManagedRuleGroupStatementProperty(
                vendor_name="AWS", name=name
            )
        ),
    )


def _visible(name: str) -> waf.CfnWebACL.VisibilityConfigProperty:
    return waf.CfnWebACL.VisibilityConfigProperty(
        cloud_watch_metrics_enabled=True, metric_name=name, sampled_requests_enabled=True
    )
