"""What the operator says, read from the environment in this one place and checked before anything is made."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from profiles import PROFILES, Profile

PREFIX = "BOOKSTORE_AWS_"
DEPLOYMENTS = ("monolith", "fleet", "swarm", "services")
ACADEMY_REGIONS = ("us-east-1", "us-west-2")
# Where CloudFront and its firewall are kept, wherever the shop is.
CDN_REGION = "us-east-1"
# A Learner Lab ends an account that starts 20 instances, and starts no more than 9.
ACADEMY_INSTANCES = 9
MANAGERS, WORKERS = 3, 2


class UnsafeSetting(ValueError):
    """A setting is missing, wrong or unsafe; nothing was made. Says which one and why."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{PREFIX}{name}: {reason}")


@dataclass(frozen=True, kw_only=True)
class Environment:
    profile: Profile
    region: str
    zones: tuple[str, ...]
    domain: str
    deployments: tuple[str, ...]
    # Those of the deployments that share one network and one database server.
    shared: tuple[str, ...]
    services_on: str
    # The images: their name up to the parts that differ ("-edge", "-catalog", ":tag").
    image: str
    tag: str
    machine_image: str
    hosted_zone: str
    certificate: str
    cdn_certificate: str
    cloudfront_prefix_list: str
    fleet_min: int
    fleet_max: int
    requests_per_instance: int
    alarm_email: str
    acme_email: str

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> "Environment":
        """Raises UnsafeSetting."""
        given = {
            name.removeprefix(PREFIX): value for name, value in environ.items() if name.startswith(PREFIX)
        }
        deployments = _names(given, "DEPLOYMENTS", "fleet")
        environment = cls(
            profile=PROFILES[_choice(given, "PROFILE", "standard", tuple(PROFILES))],
            region=(region := given.get("REGION", "us-east-1")),
            zones=tuple(given.get("ZONES", f"{region}a,{region}b,{region}c").split(",")),
            domain=_domain(given),
            deployments=deployments,
            shared=_names(given, "SHARED", ""),
            services_on=_choice(given, "SERVICES_ON", "fleet", ("fleet", "swarm")),
            image=_required(
                given, "IMAGE", "the images, such as 123456789012.dkr.ecr.us-east-1.amazonaws.com/bookstore"
            ),
            tag=_required(given, "TAG", "the version of the images"),
            machine_image=_machine_image(given),
            hosted_zone=given.get("HOSTED_ZONE", ""),
            certificate=given.get("CERTIFICATE", ""),
            cdn_certificate=given.get("CDN_CERTIFICATE", ""),
            cloudfront_prefix_list=given.get("CLOUDFRONT_PREFIX_LIST", ""),
            fleet_min=_number(given, "FLEET_MIN", 2),
            fleet_max=_number(given, "FLEET_MAX", 3),
            requests_per_instance=_number(given, "REQUESTS_PER_INSTANCE", 2400),
            alarm_email=given.get("ALARM_EMAIL", ""),
            acme_email=given.get("ACME_EMAIL", ""),
        )
        environment._check()
        return environment

    @property
    def registry_account(self) -> str:
        """The account of the registry, where the images are in ECR; else empty."""
        found = re.match(r"(\d{12})\.dkr\.ecr\.", self.image)
        return found.group(1) if found else ""

    @property
    def registry_region(self) -> str:
        """Where that registry is, which may be another region than the shop's."""
        found = re.match(r"\d{12}\.dkr\.ecr\.([\w-]+)\.", self.image)
        return found.group(1) if found else ""

    def name_of(self, deployment: str) -> str:
        """The name by which people reach this deployment: the fleet has the domain itself."""
        return self.domain if deployment == "fleet" else f"{deployment}.{self.domain}"

    def origin_of(self, deployment: str) -> str:
        """The name that leads to the load balancer: with CloudFront in front, people's name leads there."""
        return f"origin-{deployment}.{self.domain}" if self.profile.has_cdn else self.name_of(deployment)

    def foundation_of(self, deployment: str) -> str:
        return "shared" if deployment in self.shared else deployment

    def _check(self) -> None:
        self._check_sizes()
        self._check_names()
        if self.profile.makes_roles:
            return
        if self.region not in ACADEMY_REGIONS:
            raise UnsafeSetting("REGION", f"a Learner Lab has {' and '.join(ACADEMY_REGIONS)} alone")
        if (most := self._most_instances()) > ACADEMY_INSTANCES:
            raise UnsafeSetting(
                "DEPLOYMENTS", f"up to {most} instances, of which a Learner Lab starts {ACADEMY_INSTANCES}"
            )

    def _check_sizes(self) -> None:
        if self.fleet_min < 2:
            raise UnsafeSetting("FLEET_MIN", "one instance alone takes the shop with it when it fails")
        if self.fleet_max < self.fleet_min:
            raise UnsafeSetting("FLEET_MAX", f"less than FLEET_MIN, {self.fleet_min}")
        if len(self.zones) < 2:
            raise UnsafeSetting("ZONES", "a load balancer and a database server need two zones or more")
        if stray := set(self.shared) - set(self.deployments):
            raise UnsafeSetting("SHARED", f"{', '.join(sorted(stray))} is not among DEPLOYMENTS")

    def _check_names(self) -> None:
        is_balanced = set(self.deployments) != {"monolith"}
        if is_balanced and not self.hosted_zone and not self.certificate:
            raise UnsafeSetting(
                "CERTIFICATE", "without HOSTED_ZONE, the ARN of a certificate imported into ACM is needed"
            )
        if not self.profile.has_cdn or not is_balanced:
            return
        if not self.hosted_zone:
            raise UnsafeSetting("HOSTED_ZONE", "CloudFront finds the load balancer by a name in it")
        if not self.cloudfront_prefix_list:
            raise UnsafeSetting("CLOUDFRONT_PREFIX_LIST", "only CloudFront may reach the load balancer")

    def _most_instances(self) -> int:
        fleets = [*self.deployments]
        if "services" in fleets:
            fleets.append(self.services_on)
        sizes = {"monolith": 1, "fleet": self.fleet_max, "swarm": MANAGERS + WORKERS, "services": 0}
        return sum(sizes[name] for name in fleets)


def _required(given: Mapping[str, str], name: str, meaning: str) -> str:
    if not given.get(name):
        raise UnsafeSetting(name, f"is missing: {meaning}")
    return given[name]


def _choice(given: Mapping[str, str], name: str, default: str, choices: tuple[str, ...]) -> str:
    value = given.get(name, default)
    if value not in choices:
        raise UnsafeSetting(name, f"{value!r} is none of {', '.join(choices)}")
    return value


def _names(given: Mapping[str, str], name: str, default: str) -> tuple[str, ...]:
    names = tuple(part for part in given.get(name, default).split(",") if part)
    if stray := set(names) - set(DEPLOYMENTS):
        raise UnsafeSetting(name, f"{', '.join(sorted(stray))} is none of {', '.join(DEPLOYMENTS)}")
    return names


def _number(given: Mapping[str, str], name: str, default: int) -> int:
    value = given.get(name, str(default))
    if not value.isdecimal() or int(value) == 0:
        raise UnsafeSetting(name, f"{value!r} is not a number above zero")
    return int(value)


def _domain(given: Mapping[str, str]) -> str:
    value = _required(given, "DOMAIN", "the name by which the shop is reached")
    if not re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", value):
        raise UnsafeSetting("DOMAIN", f"{value!r} is not the name of a domain")
    return value


def _machine_image(given: Mapping[str, str]) -> str:
    value = _required(given, "MACHINE_IMAGE", "an AMI of Debian 12, which docs/aws.md tells how to find")
    if not re.fullmatch(r"ami-[0-9a-f]+", value):
        raise UnsafeSetting("MACHINE_IMAGE", f"{value!r} is not the id of an AMI")
    return value
