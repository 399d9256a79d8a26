"""What stacks cost in a month, estimated from their templates and a dated table of prices.

What is always there is counted. Traffic, logs and copies are not: they depend on how the shop does.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, cast

import yaml

HOURS = 730
# Shared files that a shop of some thousand photos has.
FILES_GB = 5
TABLE = Path(__file__).parent / "prices.yaml"
Resource = Mapping[str, Any]
Template = Mapping[str, Any]


class NoPrice(LookupError):
    """The table does not know what a thing costs, and a guess would be worse than none."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{TABLE.name} has no price for {name}: enter it, and the date")


@dataclass(frozen=True, kw_only=True)
class Item:
    """So many of one thing, and the price of all of them for a month in US dollars."""

    meaning: str
    count: int
    dollars: float


@dataclass(frozen=True, kw_only=True)
class Estimate:
    items: tuple[Item, ...]
    as_of: date
    region: str

    @property
    def monthly(self) -> float:
        return sum(item.dollars for item in self.items)

    @property
    def hourly(self) -> float:
        return self.monthly / HOURS


def estimate(templates: Iterable[Template], prices: Mapping[str, Any] | None = None) -> Estimate:
    """Groups are counted with their least number of instances. Raises NoPrice."""
    table = yaml.safe_load(TABLE.read_text()) if prices is None else prices
    count: Counter[str] = Counter()
    dollars: Counter[str] = Counter()
    for template in templates:
        for meaning, many, price in _priced(template["Resources"], table):
            count[meaning] += many
            dollars[meaning] += many * price
    items = tuple(Item(meaning=one, count=count[one], dollars=dollars[one]) for one in count)
    return Estimate(items=items, as_of=table["as_of"], region=table["region"])


def _priced(resources: Mapping[str, Resource], table: Mapping[str, Any]) -> Iterator[tuple[str, int, float]]:
    for one in resources.values():
        properties = one.get("Properties", {})
        match one["Type"]:
            case "AWS::AutoScaling::AutoScalingGroup":
                yield from _group(properties, resources, table)
            case "AWS::RDS::DBInstance":
                yield from _database(properties, resources, table)
            case "AWS::EC2::NatGateway":
                yield "NAT gateway", 1, table["nat_gateway"] * HOURS
            case "AWS::EC2::EIP":
                yield "public address", 1, table["public_address"] * HOURS
            case "AWS::EC2::Volume":
                yield "GB of disk", int(properties["Size"]), table["disk_gb"]
            case "AWS::ElasticLoadBalancingV2::LoadBalancer":
                yield "load balancer", 1, (table["load_balancer"] + table["load_balancer_unit"]) * HOURS
                yield "public address", len(properties["Subnets"]), table["public_address"] * HOURS
            case "AWS::EFS::FileSystem":
                yield "GB of shared files", FILES_GB, table["files_gb"]
            case "AWS::SecretsManager::Secret":
                yield "secret", 1, table["secret"]
            case "AWS::KMS::Key":
                yield "key", 1, table["key"]
            case "AWS::CloudWatch::Alarm":
                yield "alarm", 1, table["alarm"]
            case "AWS::CloudWatch::Dashboard":
                yield "dashboard", 1, table["dashboard"]
            case "AWS::WAFv2::WebACL":
                yield "firewall", 1, table["firewall"]
                yield "rule of the firewall", len(properties["Rules"]), table["firewall_rule"]


def _group(
    properties: Resource, resources: Mapping[str, Resource], table: Mapping[str, Any]
) -> Iterator[tuple[str, int, float]]:
    many = int(properties["MinSize"])
    launched = _launched(properties, resources)
    kind = launched["InstanceType"]
    yield f"instance {kind}", many, _price(table["instance"], kind) * HOURS
    for disk in launched["BlockDeviceMappings"]:
        yield "GB of disk", many * int(disk["Ebs"]["VolumeSize"]), table["disk_gb"]
    if launched.get("Monitoring", {}).get("Enabled"):
        yield "detailed monitoring", many, table["detailed_monitoring"]
    if _has_addresses(launched, resources):
        yield "public address", many, table["public_address"] * HOURS


def _has_addresses(launched: Resource, resources: Mapping[str, Resource]) -> bool:
    """An instance that takes an address of the stack over gives up the one that it began with."""
    is_public = any(one.get("AssociatePublicIpAddress") for one in launched.get("NetworkInterfaces", []))
    return is_public and not any(one["Type"] == "AWS::EC2::EIP" for one in resources.values())


def _launched(properties: Resource, resources: Mapping[str, Resource]) -> Resource:
    template = properties["LaunchTemplate"]["LaunchTemplateId"]["Ref"]
    return cast(Resource, resources[template]["Properties"]["LaunchTemplateData"])


def _database(
    properties: Resource, resources: Mapping[str, Resource], table: Mapping[str, Any]
) -> Iterator[tuple[str, int, float]]:
    """A server in two zones is two servers with two disks; a replica has the disk of what it copies."""
    kind = properties["DBInstanceClass"]
    many = 2 if properties.get("MultiAZ") else 1
    gigabytes = int(_original(properties, resources)["AllocatedStorage"])
    yield f"database {kind}", many, _price(table["database"], kind) * HOURS
    yield "GB of database disk", many * gigabytes, table["database_disk_gb"]


def _original(properties: Resource, resources: Mapping[str, Resource]) -> Resource:
    source = properties.get("SourceDBInstanceIdentifier")
    if source is None:
        return properties
    named = [part["Ref"] for part in source["Fn::Join"][1] if isinstance(part, dict)]
    (original,) = (resources[name]["Properties"] for name in named if name in resources)
    return cast(Resource, original)


def _price(prices: Mapping[str, float], name: str) -> float:
    if name not in prices:
        raise NoPrice(name)
    return prices[name]
