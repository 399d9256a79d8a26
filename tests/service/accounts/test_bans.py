"""What admins may do with users, and that nobody else may."""

import threading
from datetime import UTC, datetime

import pytest
import time_machine

from bookstore.accounts import bans, users
from bookstore.accounts.models import User
from bookstore.shared.errors import Forbidden
from bookstore.shared.pagination import encode_cursor
from tests.people import PASSWORD, join, submit
from tests.service.accounts.rows import count, sessions_of, user_of

MORNING = datetime(2030, 5, 4, 9, 0, tzinfo=UTC)


def test_the_list_shows_the_newest_first(ana, ada):
    page = ada.get("/accounts/admin/users").text
    assert page.index("ada@example.com") < page.index("ana@example.com")
    assert "This is you" in page


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("ana", ["Ana Núñez"]),
        ("NUNEZ", ["Ana Núñez"]),
        ("nunez example.com", ["Ana Núñez"]),
        ("bruno@", ["Bruno Buys"]),
        ("example.com", ["Ada Admin", "Bruno Buys", "Ana Núñez"]),
        ("%", []),
        ("a_a", []),
        ("nobody", []),
        ("' OR 1=1 --", []),
    ],
)
def test_search_by_name_and_address(app, database, words, found):
    join(app, "Ana Núñez", "ana@example.com")
    join(app, "Bruno Buys", "bruno@example.com")
    with database.writing() as session:
        users.create_admin(session, "Ada Admin", "ada@example.com", PASSWORD)
    with database.reading() as session:
        assert [user.name for user in users.search_users(session, words, None, 10).items] == found


def test_a_search_without_result_says_so_as_text(ada):
    page = ada.get("/accounts/admin/users?q=<b>nobody</b>").text
    assert "Nobody found" in page
    assert "<b>nobody</b>" not in page


def test_the_cursor_shows_everybody_once_even_of_the_same_moment(database):
    with time_machine.travel(MORNING, tick=False), database.writing() as session:
        for number in range(7):
            users.ensure_user(
                session, f"00000000-0000-4000-8000-{number:012}", f"P{number}", f"p{number}@example.com"
            )
    seen, cursor, pages = [], None, 0
    with database.reading() as session:
        while pages == 0 or cursor:
            page = users.search_users(session, "", cursor, 3)
            seen += [user.name for user in page.items]
            cursor, pages = page.next_cursor, pages + 1
    assert seen == ["P6", "P5", "P4", "P3", "P2", "P1", "P0"]
    assert pages == 3


def test_the_page_leads_to_the_next_page(ada, database):
    with database.writing() as session:
        for number in range(30):
            users.ensure_user(
                session, f"00000000-0000-4000-8000-{number:012}", f"Person {number}", f"p{number}@example.com"
            )
    first = ada.get("/accounts/admin/users").text
    link = first.split('rel="next"')[0].rsplit('href="', 1)[1].split('"')[0].replace("&amp;", "&")
    second = ada.get(link)
    assert second.status_code == 200
    assert first.count("@example.com</span></td>") == 25
    assert second.text.count("@example.com</span></td>") == 6
    assert "Back to the newest" in second.text


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "%F0%9F%98%80",
        encode_cursor([1, 2]),
        encode_cursor([10**18, "x"]),
        encode_cursor([2**70, "x"]),
        encode_cursor([1, "\ud800"]),
    ],
)
def test_a_made_up_cursor_is_refused(ada, cursor):
    assert ada.get(f"/accounts/admin/users?cursor={cursor}").status_code == 400
    answer = ada.api("GET", f"/accounts/users?cursor={cursor}")
    assert (answer.status_code, answer.json["code"]) == (400, "invalid_cursor")


def test_the_api_lists_users_in_pages(ana, ada):
    first = ada.api("GET", "/accounts/users?limit=1").json
    second = ada.api("GET", f"/accounts/users?limit=1&cursor={first['next_cursor']}").json
    assert [item["email"] for item in first["items"] + second["items"]] == [
        "ada@example.com",
        "ana@example.com",
    ]
    assert second["next_cursor"] is None
    assert set(first["items"][0]) == {"id", "name", "email", "roles", "locale", "created_at", "banned_at"}
    assert ada.api("GET", "/accounts/users?limit=0").status_code == 422
    assert ada.api("GET", "/accounts/users?limit=101").status_code == 422


def test_whom_to_ban_is_asked_first(ana, ada, database):
    page = ada.get(f"/accounts/admin/users/{ana.user_id}/ban").text
    assert "Ban Ana Sells?" in page
    assert "ana@example.com" in page
    assert user_of(database, "ana@example.com").banned_at is None


def test_a_ban_ends_everything_at_once(app, ana, ada, database):
    answer = ada.post(f"/accounts/admin/users/{ana.user_id}/ban")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/accounts/admin/users")
    assert "Ana Sells (ana@example.com) is banned." in ada.get("/accounts/admin/users").text
    assert user_of(database, "ana@example.com").is_banned
    assert sessions_of(database, ana.user_id) == 0
    assert ana.get("/accounts/profile").status_code == 302
    assert ana.api("GET", "/accounts/users/me").status_code == 401
    renewed = app.test_client().put(
        "/api/v1/accounts/sessions/current", headers={"Authorization": f"Bearer {ana.api_token}"}
    )
    assert renewed.status_code == 401


def test_a_banned_user_is_told_so_on_the_login_page(app, ana, ada):
    ada.api("POST", f"/accounts/users/{ana.user_id}/ban")
    answer = submit(app.test_client(), "/accounts/login", {"email": ana.email, "password": PASSWORD})
    assert answer.status_code == 422
    assert "This account has been closed by the shop." in answer.text


def test_whoever_is_let_in_again_logs_in_with_the_old_password(app, ana, ada, database):
    ada.post(f"/accounts/admin/users/{ana.user_id}/ban")
    assert "Lift the ban of Ana Sells?" in ada.get(f"/accounts/admin/users/{ana.user_id}/unban").text
    ada.post(f"/accounts/admin/users/{ana.user_id}/unban")
    assert user_of(database, "ana@example.com").banned_at is None
    assert ana.get("/accounts/profile").status_code == 302
    answer = submit(app.test_client(), "/accounts/login", {"email": ana.email, "password": PASSWORD})
    assert answer.status_code == 302


def test_banning_twice_keeps_the_first_date(ana, ada):
    first = ada.api("POST", f"/accounts/users/{ana.user_id}/ban").json["banned_at"]
    assert ada.api("POST", f"/accounts/users/{ana.user_id}/ban").json["banned_at"] == first
    assert ada.api("POST", f"/accounts/users/{ana.user_id}/unban").json["banned_at"] is None
    assert ada.api("POST", f"/accounts/users/{ana.user_id}/unban").status_code == 200


def test_no_admin_bans_himself(ada, database):
    answer = ada.api("POST", f"/accounts/users/{ada.user_id}/ban")
    assert (answer.status_code, answer.json["code"]) == (409, "cannot_ban_yourself")
    page = ada.post(f"/accounts/admin/users/{ada.user_id}/ban", follow_redirects=True)
    assert "You cannot ban yourself." in page.text
    assert not user_of(database, "ada@example.com").is_banned


def test_of_two_admins_who_ban_each_other_at_the_same_moment_one_remains(ada, bea, database):
    start, outcomes = threading.Barrier(2), []

    def ban(admin, other):
        start.wait()
        try:
            with database.writing() as session:
                bans.ban(session, admin.user_id, other.user_id)
            outcomes.append("banned")
        except Forbidden:
            outcomes.append("refused")

    threads = [threading.Thread(target=ban, args=pair) for pair in ((ada, bea), (bea, ada))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["banned", "refused"]
    with database.reading() as session:
        assert session.query(User).filter(User.role == "admin", User.banned_at.is_(None)).count() == 1


def test_a_banned_admin_is_none_any_more(ada, bea, ana, database):
    ada.api("POST", f"/accounts/users/{bea.user_id}/ban")
    assert bea.api("POST", f"/accounts/users/{ana.user_id}/ban").status_code == 401
    assert bea.get("/accounts/admin/users").status_code == 302
    assert not user_of(database, "ana@example.com").is_banned


def test_an_admin_who_was_made_a_user_again_is_refused_at_once(ada, ana, database):
    with database.writing() as session, session.begin():
        session.get(User, ada.user_id).role = "user"
    assert ada.get("/accounts/admin/users").status_code == 403
    assert ada.api("POST", f"/accounts/users/{ana.user_id}/ban").status_code == 403
    assert not user_of(database, "ana@example.com").is_banned


ADMIN_PAGES = [
    ("GET", "/accounts/admin/users"),
    ("GET", "/accounts/admin/users/{ana}/ban"),
    ("POST", "/accounts/admin/users/{ana}/ban"),
    ("GET", "/accounts/admin/users/{ana}/unban"),
    ("POST", "/accounts/admin/users/{ana}/unban"),
    ("GET", "/accounts/admin/mailbox"),
    ("GET", "/accounts/admin/mailbox/1"),
]


@pytest.mark.parametrize(("method", "path"), ADMIN_PAGES)
def test_admin_pages_are_for_admins_only(app, ana, database, method, path):
    carla = join(app, "Carla Strange", "carla@example.com")
    submit(app.test_client(), "/accounts/reset", {"email": "ana@example.com"})
    path = path.format(ana=ana.user_id)
    send = {"GET": carla.get, "POST": carla.post}[method]
    refused = send(path)
    assert refused.status_code == 403
    assert "ana@example.com" not in refused.text
    visitor = app.test_client()
    led_away = visitor.get(path) if method == "GET" else submit(visitor, path)
    assert led_away.status_code == 302
    assert led_away.headers["Location"].startswith("/accounts/login")
    assert not user_of(database, "ana@example.com").is_banned
    assert sessions_of(database, ana.user_id) == 2


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/users"), ("POST", "/users/{ana}/ban"), ("POST", "/users/{ana}/unban")]
)
def test_the_admin_api_is_for_admins_only(app, ana, database, method, path):
    carla = join(app, "Carla Strange", "carla@example.com")
    path = path.format(ana=ana.user_id)
    answer = carla.api(method, f"/accounts{path}")
    assert (answer.status_code, answer.json["code"]) == (403, "forbidden")
    assert app.test_client().open(f"/api/v1/accounts{path}", method=method).status_code == 401
    assert not user_of(database, "ana@example.com").is_banned


@pytest.mark.parametrize("action", ["ban", "unban"])
def test_nobody_is_there_to_ban(ada, database, action):
    before = count(database, User)
    unknown = "00000000-0000-4000-8000-000000000009"
    assert ada.get(f"/accounts/admin/users/{unknown}/{action}").status_code == 404
    assert ada.post(f"/accounts/admin/users/{unknown}/{action}").status_code == 404
    assert ada.api("POST", f"/accounts/users/{unknown}/{action}").status_code == 404
    assert count(database, User) == before


def test_a_ban_sent_from_another_site_is_refused(ada, ana, database):
    path = f"/accounts/admin/users/{ana.user_id}/ban"
    assert ada.browser.post(path).status_code == 400
    assert ada.post(path, headers={"Origin": "https://evil.example"}).status_code == 400
    assert not user_of(database, "ana@example.com").is_banned
