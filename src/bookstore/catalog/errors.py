"""What can go wrong in the catalog, by name. Use cases raise these; the web edge shows them."""

from bookstore.shared.errors import N_, Forbidden


class NotYours(Forbidden):
    """The listing is somebody else's."""

    code = "not_yours"
    title = N_("This listing belongs to another seller.")
