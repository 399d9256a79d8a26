"""Why a deployment does not come about. For operators, so they are not translated."""

from bookstore.shared.errors import ShopError


class EngineMissing(ShopError):
    """There is no Docker engine that answers, or no Compose."""

    code = "engine_missing"
    title = "%(reason)s"


class CommandFailed(ShopError):
    """A program that the deployment needs has failed; what it said comes along."""

    code = "command_failed"
    title = "%(command)s failed:\n%(said)s"


class NotFit(ShopError):
    """The machine is not fit for the shop; nothing was changed."""

    code = "not_fit"
    title = "this machine is not fit for the shop: %(reasons)s"


class VersionUnhealthy(ShopError):
    """The new version does not become healthy. It never took a request, and the one before goes on."""

    code = "version_unhealthy"
    title = (
        "%(service)s of version %(tag)s does not become healthy and is gone again. Its last lines:\n%(log)s"
    )


class StacksNotSetUp(ShopError):
    """The environment in which the stacks for AWS are written is not there."""

    code = "stacks_not_set_up"
    title = "the stacks for AWS need an environment of their own (about 1 GB): make setup-aws"


class NothingBefore(ShopError):
    """There is no version to go back to."""

    code = "nothing_before"
    title = "no other version was deployed before this one"


class SecretMissing(ShopError):
    """A secret that the stack file names is not there, or is empty."""

    code = "secret_missing"
    title = "%(path)s is missing or empty: docs/swarm.md tells what goes into it"


class MigrationFailed(ShopError):
    """The databases could not be migrated. Nothing of the new version was started."""

    code = "migration_failed"
    title = "%(service)s of version %(tag)s failed; the version before goes on. Its last lines:\n%(log)s"


class ImageUnavailable(ShopError):
    """A node does not get an image. Nothing was changed."""

    code = "image_unavailable"
    title = "%(image)s does not start on each node: %(reasons)s"


class RolledBack(ShopError):
    """The new version was taken back, and the one before runs again."""

    code = "rolled_back"
    title = "version %(tag)s was taken back: %(reason)s"


class NotUp(ShopError):
    """The first version in a cluster does not come up. It stays as it is, to be looked at."""

    code = "not_up"
    title = "version %(tag)s does not come up: %(reason)s"


class NotConverged(ShopError):
    """The cluster does not become what it was told to be."""

    code = "not_converged"
    title = "after %(seconds)s s it is still not so: %(reason)s"


class NoSuchNode(ShopError):
    code = "no_such_node"
    title = "there is no node %(name)s"


class SchemaUnusable(ShopError):
    """The version that runs could not go on with the new schema. Nothing was changed."""

    code = "schema_unusable"
    title = "the version that runs could not go on with the new schema: %(reason)s"


class ForeignNode(ShopError):
    """A host that should join is in another cluster already. It stays there."""

    code = "foreign_node"
    title = "%(host)s belongs to another Swarm: `docker swarm leave` there takes it out of that one"
