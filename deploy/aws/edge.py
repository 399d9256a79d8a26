"""Where people arrive: the load balancer with its certificate and its name, and who may come to it."""

from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_elasticloadbalancingv2 as elb
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_route53_targets as targets
from constructs import Construct

from environment import Environment
from foundation import Foundation

# Who sits in front closes idle connections first, else a request meets one that is being closed behind it:
# this is less than nginx keeps one (65 s), which is less than the app does (75 s).
IDLE_SECONDS = 60
# Longer than an instance takes to say that it stops (5 s and 4 s) and to answer what it has (30 s).
DRAIN_SECONDS = 60
PORT = 80


class Edge(Construct):
    """HTTPS alone; HTTP leads to it. Asks each instance whether it can serve (`/readyz`)."""

    def __init__(
        self, scope: Construct, id: str, *, environment: Environment, foundation: Foundation, deployment: str
    ) -> None:
        super().__init__(scope, id)
        self._environment, self._foundation = environment, foundation
        self.name = environment.name_of(deployment)
        self.own_name = environment.origin_of(deployment)
        self.group = self._group()
        self.balancer = self._balancer(deployment)
        self.targets = self._targets()
        self.certificate = self._certificate()
        self._listen()
        self._name()

    def _group(self) -> ec2.SecurityGroup:
        group = ec2.SecurityGroup(
            self,
            "Group",
            vpc=self._foundation.network.vpc,
            description="Load balancer",
            allow_all_outbound=False,
        )
        if self._environment.profile.has_cdn:
            cloudfront = ec2.Peer.prefix_list(self._environment.cloudfront_prefix_list)
            group.add_ingress_rule(cloudfront, ec2.Port.tcp(443), "CloudFront")
        else:
            group.add_ingress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(443), "HTTPS")
            group.add_ingress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(80), "HTTP, which leads to HTTPS")
        return group

    def _balancer(self, deployment: str) -> elb.ApplicationLoadBalancer:
        balancer = elb.ApplicationLoadBalancer(
            self,
            "Balancer",
            vpc=self._foundation.network.vpc,
            vpc_subnets=self._foundation.network.balancers,
            internet_facing=True,
            security_group=self.group,
            idle_timeout=Duration.seconds(IDLE_SECONDS),
            drop_invalid_header_fields=True,
            # A client's word of where it comes from is not its own any more: the last address is what we saw.
            xff_header_processing_mode=elb.XffHeaderProcessingMode.APPEND,
            deletion_protection=self._environment.profile.is_protected,
        )
        balancer.log_access_logs(self._foundation.logs, f"balancer-{deployment}")
        return balancer

    def _targets(self) -> elb.ApplicationTargetGroup:
        return elb.ApplicationTargetGroup(
            self,
            "Targets",
            vpc=self._foundation.network.vpc,
            port=PORT,
            protocol=elb.ApplicationProtocol.HTTP,
            target_type=elb.TargetType.INSTANCE,
            deregistration_delay=Duration.seconds(DRAIN_SECONDS),
            load_balancing_algorithm_type=elb.TargetGroupLoadBalancingAlgorithmType.LEAST_OUTSTANDING_REQUESTS,
            health_check=elb.HealthCheck(
                path="/readyz",
                healthy_http_codes="200",
                interval=Duration.seconds(5),
                timeout=Duration.seconds(4),
                healthy_threshold_count=2,
                unhealthy_threshold_count=2,
            ),
        )

    def _listen(self) -> None:
        self.balancer.add_redirect(open=False)
        self.balancer.add_listener(
            "Https",
            port=443,
            certificates=[self.certificate],
            ssl_policy=elb.SslPolicy.RECOMMENDED_TLS,
            default_target_groups=[self.targets],
            open=False,
        )

    def _certificate(self) -> acm.ICertificate:
        environment = self._environment
        if environment.certificate:
            return acm.Certificate.from_certificate_arn(self, "Certificate", environment.certificate)
        names = dict.fromkeys([self.name, self.own_name])
        return acm.Certificate(
            self,
            "Certificate",
            domain_name=self.name,
            subject_alternative_names=[name for name in names if name != self.name] or None,
            validation=acm.CertificateValidation.from_dns(zone(self, environment)),
        )

    def _name(self) -> None:
        address = self.balancer.load_balancer_dns_name
        CfnOutput(Stack.of(self), "BalancerName", value=address)
        if self._environment.hosted_zone:
            route53.ARecord(
                self,
                "Name",
                zone=zone(self, self._environment),
                record_name=f"{self.own_name}.",
                target=route53.RecordTarget.from_alias(targets.LoadBalancerTarget(self.balancer)),
            )
        else:
            CfnOutput(
                Stack.of(self), "ForYourDns", value=f"{self.name} leads to {address} (ALIAS, ANAME or CNAME)"
            )


def zone(scope: Construct, environment: Environment) -> route53.IHostedZone:
    """The operator's hosted zone, whose name the records do not need: theirs are complete."""
    if found := scope.node.try_find_child("Zone"):
        return found
    return route53.HostedZone.from_hosted_zone_attributes(
        scope, "Zone", hosted_zone_id=environment.hosted_zone, zone_name=environment.domain
    )
