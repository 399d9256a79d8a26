"""Why a move was refused, or did not end well. They are for operators, so they are not translated."""

from bookstore.shared.errors import ShopError


class BadPlace(ShopError):
    """The text names no database."""

    code = "bad_place"
    title = "%(place)s is neither a database URL nor a file or folder: %(reason)s"


class NotMovable(ShopError):
    """The source cannot be moved as it is. Nothing was changed."""

    code = "not_movable"
    title = "the %(service)s data in %(place)s cannot be moved: %(reason)s"


class TargetTaken(ShopError):
    """The target holds data that this move did not put there. Nothing was changed."""

    code = "target_taken"
    title = "the target %(place)s cannot take the %(service)s data: %(reason)s"


class AnotherMove(ShopError):
    """Two moves into the same target run at once; one of them stops."""

    code = "another_move"
    title = "another move into the same target is under way (table %(table)s)"


class RowRefused(ShopError):
    """A row cannot be read, or the target does not take it."""

    code = "row_refused"
    title = "%(table)s: %(reason)s. What was copied is kept: run the same command again to go on."


class StillWritten(ShopError):
    """The source was written to while it was moved."""

    code = "still_written"
    title = (
        "the shop was written to while it was moved: %(changes)s. "
        "Stop it, and run the same command with --start-over."
    )


class CopyDiffers(ShopError):
    """The target does not hold what was copied into it."""

    code = "copy_differs"
    title = "the target does not hold what the source holds: %(changes)s"
