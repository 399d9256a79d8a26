"""Why a backup or a restore was refused, or did not end well. For operators, so they are not translated."""

from bookstore.shared.errors import ShopError


class CannotBackUp(ShopError):
    """The data cannot be read by this version of the program. No backup was made."""

    code = "cannot_back_up"
    title = "the %(service)s data in %(place)s cannot be backed up: %(reason)s"


class WritersNotHeld(ShopError):
    """A database could not be held still in time; it is free again, and no backup was made."""

    code = "writers_not_held"
    title = (
        "the %(service)s database in %(place)s could not be held still for a moment: %(reason)s. "
        "No backup was made; run the same command again."
    )


class NotABackup(ShopError):
    """The file is none of ours, or nothing can be said about it."""

    code = "not_a_backup"
    title = "%(path)s is not a backup of BookStore: %(reason)s"


class WrongKey(ShopError):
    """The file is sealed with another key, or no key was given."""

    code = "wrong_backup_key"
    title = "%(path)s cannot be opened: %(reason)s"


class DamagedBackup(ShopError):
    """The file is not what was written: cut off, changed or reordered. Nothing was restored from it."""

    code = "damaged_backup"
    title = "%(path)s is damaged, nothing was restored: %(reason)s"


class OtherVersion(ShopError):
    """Another version of the program made the backup."""

    code = "other_version"
    title = "%(path)s cannot be restored by this version: %(reason)s"


class PlaceTaken(ShopError):
    """Something lies where the backup is to be restored to. Nothing was changed."""

    code = "place_taken"
    title = "nothing was restored: %(place)s %(reason)s"


class RestoredDiffers(ShopError):
    """What was restored is not what the manifest says."""

    code = "restored_differs"
    title = "what was restored is not what the backup says: %(changes)s"
