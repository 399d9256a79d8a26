"""Why a game day is not held, or ends early. For operators, so they are not translated."""

from bookstore.shared.errors import ShopError


class NotTheLab(ShopError):
    """Docker leads to another cluster than the lab's, or there is no lab here. Nothing was touched."""

    code = "not_the_lab"
    title = "game days are held on the lab, and %(what)s; --force holds those that need no lab all the same"


class NeedsTheLab(ShopError):
    """What this game day breaks is reached on the lab alone, by force or not."""

    code = "needs_the_lab"
    title = "%(name)s cuts what only the lab has in its hands; elsewhere only these can be held: %(others)s"


class ShopNotWhole(ShopError):
    """What is broken before would be taken for what the game day breaks. Nothing was touched."""

    code = "shop_not_whole"
    title = "the shop is not whole, so nothing would be learned: %(missing)s"


class TroubleFailed(ShopError):
    """What was to be broken did not break, so that nothing was tried."""

    code = "trouble_failed"
    title = "within %(seconds)s s it did not come about that %(what)s"


class HypothesisRefuted(ShopError):
    """The shop did not keep what was promised of it."""

    code = "hypothesis_refuted"
    title = "the hypothesis of %(name)s does not hold: %(breaches)s"


class Interrupted(ShopError):
    """The operator, or whoever ends programs, wants it to end. All was put right before it did."""

    code = "interrupted"
    title = "interrupted; what was broken has been put right, and there is no verdict"
