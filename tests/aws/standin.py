"""moto, and the kinds of resources of CloudFormation that we need and it leaves out.

It checks no health, lets no instance boot, spreads no group over zones, and knows no instance refresh, no data
lifecycle policy, no CloudFront and no rights. What is deployed here is wired together; more is not said.
"""

import json
import types
from collections.abc import Callable
from typing import Any

import boto3
from moto.cloudformation.responses import CloudFormationResponse
from moto.core.common_models import CloudFormationModel
from moto.core.responses import EmptyResult
from moto.ec2.models.route_tables import RouteTable
from moto.elbv2.models import FakeLoadBalancer, FakeTargetGroup
from moto.rds.models import DBParameterGroup

Properties = dict[str, Any]
# What moto skips of a fleet. That it is nothing else is tested: it would be skipped without an error.
LEFT_OUT = {
    "AWS::EC2::SecurityGroupEgress",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::TopicPolicy",
}


class _Added:
    """What moto asks of a resource; which of them there are is told by `_add`."""

    def __init__(self, identity: str, attributes: Properties, undo: Callable[[], object]) -> None:
        self.identity, self.attributes, self.undo = identity, attributes, undo

    @staticmethod
    def cloudformation_name_type() -> str:
        return ""

    @property
    def physical_resource_id(self) -> str:
        return self.identity

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return True

    def get_cfn_attribute(self, name: str) -> Any:
        return self.attributes[name]

    @classmethod
    def update_from_cloudformation_json(cls, original_resource: Any, *args: Any, **kwargs: Any) -> Any:
        return original_resource

    @classmethod
    def delete_from_cloudformation_json(cls, resource_name: str, *args: Any, **kwargs: Any) -> None:
        MADE.pop((cls.cloudformation_type(), resource_name)).undo()


# By kind and identity: an attachment has that of its secret.
MADE: dict[tuple[str, str], Any] = {}


def _add(kind: str) -> Callable[..., None]:
    """Teach moto to make one kind by asking itself, as an operator would, through boto3."""

    def teach(make: Callable[[str, Properties, Any], tuple[str, Properties, Callable[[], object]]]) -> None:
        def create(
            cls: Any,
            resource_name: str,
            cloudformation_json: Properties,
            account_id: str,
            region_name: str,
            **_: Any,
        ) -> Any:
            properties = cloudformation_json.get("Properties", {})
            made = cls(*make(resource_name, properties, lambda name: boto3.client(name, region_name)))
            made.type = kind
            MADE[kind, made.identity] = made
            return made

        body = {key: value for key, value in vars(_Added).items() if key not in ("__dict__", "__weakref__")}
        body |= {
            "__module__": "moto.bookstore.models",
            "cloudformation_type": staticmethod(lambda: kind),
            "create_from_cloudformation_json": classmethod(create),
        }
        # moto looks at direct subclasses only.
        types.new_class(make.__name__, (CloudFormationModel,), {}, lambda space: space.update(body))

    return teach


@_add("AWS::SecretsManager::Secret")
def secret(name: str, properties: Properties, client: Any) -> Any:
    wanted = properties["GenerateSecretString"]
    manager = client("secretsmanager")
    password = manager.get_random_password(
        PasswordLength=wanted.get("PasswordLength", 32), ExcludePunctuation=True
    )["RandomPassword"]
    value = password
    if "SecretStringTemplate" in wanted:
        value = json.dumps(
            json.loads(wanted["SecretStringTemplate"]) | {wanted["GenerateStringKey"]: password}
        )
    arn = manager.create_secret(Name=properties.get("Name", name), SecretString=value)["ARN"]
    return arn, {"Id": arn}, lambda: manager.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)


@_add("AWS::SecretsManager::SecretTargetAttachment")
def attachment(name: str, properties: Properties, client: Any) -> Any:
    manager, arn = client("secretsmanager"), properties["SecretId"]
    (server,) = client("rds").describe_db_instances(DBInstanceIdentifier=properties["TargetId"])[
        "DBInstances"
    ]
    value = json.loads(manager.get_secret_value(SecretId=arn)["SecretString"])
    value |= {"host": server["Endpoint"]["Address"], "port": server["Endpoint"]["Port"]}
    manager.put_secret_value(SecretId=arn, SecretString=json.dumps(value))
    return arn, {}, lambda: None


@_add("AWS::CertificateManager::Certificate")
def certificate(name: str, properties: Properties, client: Any) -> Any:
    manager = client("acm")
    arn = manager.request_certificate(DomainName=properties["DomainName"], ValidationMethod="DNS")[
        "CertificateArn"
    ]
    return arn, {}, lambda: manager.delete_certificate(CertificateArn=arn)


@_add("AWS::AutoScaling::ScalingPolicy")
def scaling_policy(name: str, properties: Properties, client: Any) -> Any:
    scaling, group = client("autoscaling"), properties["AutoScalingGroupName"]
    scaling.put_scaling_policy(
        AutoScalingGroupName=group,
        PolicyName=name,
        PolicyType=properties["PolicyType"],
        TargetTrackingConfiguration=_numbers(properties["TargetTrackingConfiguration"]),
    )
    (made,) = scaling.describe_policies(AutoScalingGroupName=group, PolicyNames=[name])["ScalingPolicies"]
    arn = made["PolicyARN"]
    return arn, {"Arn": arn}, lambda: scaling.delete_policy(AutoScalingGroupName=group, PolicyName=name)


@_add("AWS::CloudWatch::Alarm")
def alarm(name: str, properties: Properties, client: Any) -> Any:
    watch = client("cloudwatch")
    watch.put_metric_alarm(**_numbers({key: properties[key] for key in properties if key != "Metrics"}))
    chosen = properties["AlarmName"]
    return chosen, {"Arn": chosen}, lambda: watch.delete_alarms(AlarmNames=[chosen])


@_add("AWS::SNS::Subscription")
def subscription(name: str, properties: Properties, client: Any) -> Any:
    topics = client("sns")
    arn = topics.subscribe(**properties, ReturnSubscriptionArn=True)["SubscriptionArn"]
    return arn, {}, lambda: topics.unsubscribe(SubscriptionArn=arn)


def _numbers(value: Any) -> Any:
    """CloudFormation has turned them into text."""
    if isinstance(value, dict):
        return {key: _numbers(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_numbers(one) for one in value]
    if isinstance(value, str) and value.replace(".", "", 1).isdigit():
        return float(value) if "." in value else int(value)
    return value


_of_balancer = FakeLoadBalancer.get_cfn_attribute


def _balancer_attribute(self: Any, name: str) -> Any:
    if name == "CanonicalHostedZoneID":
        return "Z35SXDOTRQ7X7K"
    if name == "LoadBalancerFullName":
        return self.arn.split("loadbalancer/")[1]
    return _of_balancer(self, name)


def _target_attribute(self: Any, name: str) -> Any:
    return {
        "TargetGroupFullName": self.arn.split(":")[-1],
        "TargetGroupName": self.name,
        "TargetGroupArn": self.arn,
        "LoadBalancerArns": self.load_balancer_arns,
    }[name]


FakeLoadBalancer.get_cfn_attribute = _balancer_attribute
FakeLoadBalancer.has_cfn_attr = classmethod(lambda cls, attr: True)
FakeTargetGroup.get_cfn_attribute = _target_attribute
FakeTargetGroup.has_cfn_attr = classmethod(lambda cls, attr: True)

# What moto forgets to say of this kind: how others refer to it.
DBParameterGroup.physical_resource_id = property(lambda self: self.name)


def _delete_table(self: Any, account_id: str, region_name: str) -> None:
    """moto leaves route tables behind, and then refuses to delete their network."""
    self.associations.clear()
    self.ec2_backend.delete_route_table(self.id)


RouteTable.delete = _delete_table

# What keeps a stack from going by mistake; moto lets any go.
CloudFormationResponse.update_termination_protection = lambda self: EmptyResult()
