"""Secrets: made by Secrets Manager, read by instances when they start, in no template and no user data."""

from collections.abc import Iterable

from aws_cdk import RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

# What is made anew with another foundation: sessions end and links in mails die, nothing else.
SHOP = ("secret_key", "service_token")
# Encrypts backups: without it none opens, so it outlives the stacks.
BACKUP = "backup_key"
LENGTH = 48


class Credentials(Construct):
    """One secret for each thing that is kept from others, named for it."""

    def __init__(self, scope: Construct, id: str, *, names: Iterable[str], is_protected: bool) -> None:
        super().__init__(scope, id)
        self.secrets = {name: self._secret(name, is_protected) for name in names}

    def _secret(self, name: str, is_protected: bool) -> secretsmanager.Secret:
        outlives = name == BACKUP and is_protected
        return secretsmanager.Secret(
            self,
            "".join(word.capitalize() for word in name.split("_")),
            description=f"BookStore: {name}",
            # Letters and digits alone, as it becomes part of addresses of databases.
            generate_secret_string=secretsmanager.SecretStringGenerator(
                password_length=LENGTH, exclude_punctuation=True
            ),
            removal_policy=RemovalPolicy.RETAIN if outlives else RemovalPolicy.DESTROY,
        )

    def grant_read(self, role: iam.IRole) -> None:
        for secret in self.secrets.values():
            secret.grant_read(role)


def databases_of(topology: str) -> tuple[str, ...]:
    """The databases of a topology, each with a user of its own of the same name."""
    services = ("accounts", "catalog", "orders")
    return ("bookstore",) if topology == "monolith" else tuple(f"bookstore_{name}" for name in services)
