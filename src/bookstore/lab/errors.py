"""Why the lab does not come about. For operators, so they are not translated."""

from bookstore.shared.errors import ShopError


class LabNeeds(ShopError):
    """The machine lacks something that the lab cannot do without."""

    code = "lab_needs"
    title = "the lab needs %(what)s"


class ProgramSilent(ShopError):
    """A program of the lab was started and does not answer."""

    code = "program_silent"
    title = "%(program)s does not answer. Its last lines:\n%(log)s"
