"""What an admin does: find people, ban them, let them in again, read the mails."""

from playwright.sync_api import Page, expect

from tests.journeys.people import People, Someone
from tests.journeys.steps import from_menu, heading, log_in, said
from tests.journeys.windows import Windows

NEW_PASSWORD = "a quite different sentence"


def test_ada_finds_bans_and_unbans_carla(ada: Page, carla: Someone, windows: Windows) -> None:
    from_menu(ada, "Users")
    expect(ada.get_by_role("row").nth(1)).to_contain_text(carla.email)
    ada.get_by_label("Name or e-mail address").fill("nobody at all")
    ada.get_by_role("button", name="Find").click()
    expect(ada.get_by_role("heading", name="Nobody found")).to_be_visible()
    ada.get_by_label("Name or e-mail address").fill(carla.email.upper())
    ada.get_by_role("button", name="Find").click()
    row = ada.get_by_role("row", name=carla.email)
    expect(row).to_contain_text("Active")
    expect(ada.get_by_role("row")).to_have_count(2)

    row.get_by_role("link", name=f"Ban {carla.name}").click()
    expect(heading(ada)).to_have_text(f"Ban {carla.name}?")
    ada.get_by_role("button", name=f"Ban {carla.name}").click()
    expect(said(ada)).to_have_text(f"{carla.name} ({carla.email}) is banned.")
    expect(ada.get_by_role("row", name=carla.email)).to_contain_text("Banned")

    carla.page.goto("/accounts/profile")
    expect(heading(carla.page)).to_have_text("Log in")
    enter(carla.page, carla.email)
    expect(carla.page.get_by_role("alert")).to_contain_text("This account has been closed by the shop.")

    ada.get_by_role("link", name=f"Lift the ban of {carla.name}").click()
    ada.get_by_role("button", name=f"Lift the ban of {carla.name}").click()
    expect(said(ada)).to_have_text(f"{carla.name} ({carla.email}) may log in again.")
    log_in(carla.page, carla.email)
    expect(heading(carla.page)).to_have_text("Profile")


def test_the_list_of_users_is_for_admins_alone(carla: Someone, visitor: Page) -> None:
    carla.page.goto("/accounts/admin/users")
    expect(carla.page.locator(".error-status")).to_have_text("403")
    expect(heading(carla.page)).to_have_text("This is not yours to see")
    expect(carla.page.get_by_role("main")).not_to_contain_text("@")

    visitor.goto("/accounts/admin/users")
    expect(heading(visitor)).to_have_text("Log in")


def test_a_link_to_a_new_password_works_once(ada: Page, people: People, windows: Windows) -> None:
    bruno = people.register("Bruno")
    page = windows.open()
    page.goto("/accounts/login")
    page.get_by_role("link", name="I forgot my password").click()
    page.get_by_label("E-mail address").fill(bruno.email)
    page.get_by_role("button", name="Send me a link").click()
    expect(heading(page)).to_have_text("Check your mail")

    link = mailed_link(ada, bruno.email)
    page.goto(link)
    expect(heading(page)).to_have_text("Choose a new password")
    assert link.rpartition("/")[2] not in page.url
    page.get_by_label("New password").fill("short")
    page.get_by_role("button", name="Set the password").click()
    expect(page.locator("#new-error")).to_be_visible()
    page.get_by_label("New password").fill(NEW_PASSWORD)
    page.get_by_role("button", name="Set the password").click()
    expect(said(page)).to_have_text("Your new password is set. Please log in with it.")
    enter(page, bruno.email)
    expect(page.get_by_role("alert")).to_contain_text("The e-mail address or the password is wrong.")
    log_in(page, bruno.email, NEW_PASSWORD)

    page = windows.open()
    page.goto(link)
    expect(page.get_by_role("heading", name="This link is no longer valid")).to_be_visible()


def enter(page: Page, email: str) -> None:
    """Try the password that everybody had at first."""
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill("correct horse battery")
    page.get_by_role("main").get_by_role("button", name="Log in").click()


def mailed_link(ada: Page, recipient: str) -> str:
    """The link in the newest mail to somebody, as the admin reads it in the mailbox."""
    from_menu(ada, "Mailbox")
    ada.get_by_role("link", name="Mails about accounts").click()
    entry = ada.locator(".mail-list li", has_text=recipient)
    expect(entry).to_have_count(1)
    entry.get_by_role("link", name="Choose a new password for BookStore").click()
    expect(ada.get_by_text(recipient)).to_be_visible()
    link = ada.locator(".mail-body a")
    address = link.get_attribute("href")
    assert address is not None
    return address
