"""What the instances of a deployment get of its foundation: ways to the data, secrets, names of both."""

from collections.abc import Iterable

from aws_cdk import Fn
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_logs as logs
from constructs import Construct

import files
from credentials import SHOP, databases_of
from environment import Environment
from foundation import Foundation
from instances import Identity
from network import allow

DATABASE_PORT = 3306
CDN_RANGES = "https://ip-ranges.amazonaws.com/ip-ranges.json"


def open_data(scope: Construct, *, foundation: Foundation, group: ec2.ISecurityGroup) -> None:
    """The database and the files let in these instances, and nobody is let in otherwise."""
    allow(
        scope,
        "Database",
        source=group,
        target=foundation.database.group,
        port=DATABASE_PORT,
        meaning="database",
    )
    allow(
        scope,
        "Files",
        source=group,
        target=foundation.files.group,
        port=files.PORT,
        meaning="shared files",
    )


def grant_secrets(*, foundation: Foundation, identity: Identity, names: Iterable[str]) -> None:
    """These alone. In a Learner Lab the one role that there is may read them all."""
    for name in names:
        foundation.credentials.secrets[name].grant_read(identity.role)
    foundation.database.secret.grant_read(identity.role)


def secrets_of(topology: str) -> tuple[str, ...]:
    """Those that every replica of a topology needs."""
    return (*SHOP, *(f"{name}_password" for name in databases_of(topology)))


def boot_settings(
    *,
    environment: Environment,
    foundation: Foundation,
    deployment: str,
    topology: str,
    secret_names: Iterable[str],
    logs: logs.ILogGroup,
) -> dict[str, str]:
    """What user data says in plain words: names and addresses."""
    region = environment.region
    secrets = {name: foundation.credentials.secrets[name].secret_arn for name in secret_names}
    return {
        "DEPLOYMENT": deployment,
        "TOPOLOGY": topology,
        "REGION": region,
        "SHOP_DOMAIN": environment.name_of(deployment),
        "IMAGE": environment.image,
        "TAG": environment.tag,
        "REGISTRY_ACCOUNT": environment.registry_account,
        "REGISTRY_REGION": environment.registry_region,
        "BALANCERS": Fn.join(",", foundation.network.balancer_addresses),
        "CDN_RANGES": CDN_RANGES if environment.profile.has_cdn else "",
        "FILES_HOST": f"{foundation.files.file_system.file_system_id}.efs.{region}.amazonaws.com",
        "DATABASES": " ".join(databases_of(topology)),
        "DATABASE_HOST": foundation.database.instance.db_instance_endpoint_address,
        "DATABASE_OPERATOR": foundation.database.secret.secret_arn,
        "DATABASE_AUTHORITY": f"https://truststore.pki.rds.amazonaws.com/{region}/{region}-bundle.pem",
        "LOG_GROUP": logs.log_group_name,
        "SECRET_NAMES": " ".join(secrets),
        **{f"SECRET_{name}": arn for name, arn in secrets.items()},
    }
