"""In accounts a session that has ended is refused at once, not when its token expires."""

from dataclasses import replace

from bookstore.accounts import sessions
from bookstore.accounts.runtime import current
from bookstore.shared.access import current_user, replace_identity
from bookstore.shared.identity import VISITOR, Identity, SessionEnded


def require_living_session() -> None:
    """Go on as who the database says is asking; runs before each view of accounts.

    Raises SignInRequired or Forbidden when the route is not for them.
    """
    who = current_user()
    if not isinstance(who, Identity):
        return
    try:
        with current().database.reading() as session:
            user = sessions.living_user(session, who.user_id, who.session_id)
    except SessionEnded:
        replace_identity(VISITOR)
        return
    replace_identity(
        replace(who, name=user.name, email=user.email, locale=user.locale, roles=frozenset(user.roles))
    )
