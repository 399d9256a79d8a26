"""The shop as both compose files run it, over HTTPS, each promise seen on the running containers."""

import io
import socket
import ssl
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from PIL import Image

from tests.cluster.live_shop import ApiClient
from tests.compose.browsing import browse
from tests.compose.load import Load
from tests.compose.stack import DOMAIN, PATIENCE_SECONDS, Stack
from tests.purchase import buy_one_of_two


@pytest.mark.parametrize("stack", ["monolith"], indirect=True)
def test_people_with_a_browser_do_all_that_they_do_elsewhere(stack: Stack) -> None:
    """First, while the shop is new; those of three services are in `long`, and in the tests of the Swarm."""
    assert browse(stack) > 30


def test_ana_sells_and_bruno_buys_over_https(stack: Stack) -> None:
    ana = ApiClient(stack, "ana", verify=stack.trusted())
    bruno = ApiClient(stack, "bruno", verify=stack.trusted())
    listing = ana.offer("Pedro Páramo", "12.50", 2)

    buy_one_of_two(ana, bruno, listing)


def test_the_worker_gives_the_copies_of_a_canceled_order_back(stack: Stack) -> None:
    ana = ApiClient(stack, "ana-cancels", verify=stack.trusted())
    bruno = ApiClient(stack, "bruno-cancels", verify=stack.trusted())
    listing = ana.offer("El llano en llamas", "9.00", 1)
    reference = bruno.place_order(listing, "order-1").json()["reference"]

    assert bruno.http.post(f"/orders/{reference}/cancel").status_code == 200

    assert ana.http.get(f"/catalog/listings/{listing}").json()["copies_available"] == 1


def test_no_container_can_do_more_than_it_must(stack: Stack) -> None:
    names = stack.compose("ps", "--quiet").split()
    found = stack.engine.inspect(*names)
    assert len(found) >= 4
    for container in found:
        host = container["HostConfig"]
        assert host["ReadonlyRootfs"], container["Name"]
        assert (host["CapDrop"], host["CapAdd"]) == (["ALL"], None)
        assert host["SecurityOpt"] == ["no-new-privileges:true"]
        assert host["Memory"] > 0
        assert 0 < host["PidsLimit"] <= 200
        assert host["LogConfig"]["Config"] == {"max-size": "10m", "max-file": "5"}
        assert container["Config"]["User"] not in {"", "0", "root"}
        assert not host["Privileged"]


def test_only_nginx_is_reached_from_outside_and_no_secret_is_in_the_environment(stack: Stack) -> None:
    values = [text for path in stack.secrets.iterdir() if (text := path.read_text())]
    assert len(values) > 8
    for container in stack.engine.inspect(*stack.compose("ps", "--quiet").split()):
        published = [port for port, bindings in container["NetworkSettings"]["Ports"].items() if bindings]
        is_edge = container["Config"]["Labels"]["com.docker.compose.service"] == "edge"
        assert published == (["8080/tcp", "8443/tcp"] if is_edge else [])
        told = "\n".join(container["Config"]["Env"])
        assert [value for value in values if value in told] == []


def test_http_leads_to_https_and_https_is_kept(stack: Stack) -> None:
    moved = httpx.get(f"http://{DOMAIN}:{stack.http_port}/books?q=a")
    assert (moved.status_code, moved.headers["Location"]) == (301, f"{stack.url}/books?q=a")
    with stack.client() as client:
        page = client.get("/books")
        assert page.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
        assert all("Secure" in cookie for cookie in page.headers.get_list("Set-Cookie"))


@pytest.mark.parametrize(
    ("version", "accepted"),
    [
        (ssl.TLSVersion.TLSv1, False),
        (ssl.TLSVersion.TLSv1_1, False),
        (ssl.TLSVersion.TLSv1_2, True),
        (ssl.TLSVersion.TLSv1_3, True),
    ],
)
def test_only_tls_1_2_and_1_3_are_spoken(stack: Stack, version: ssl.TLSVersion, accepted: bool) -> None:
    context = stack.trusted()
    context.minimum_version = context.maximum_version = version
    context.set_ciphers("ALL:@SECLEVEL=0")

    def shake_hands() -> bool:
        with socket.create_connection(("127.0.0.1", stack.https_port), timeout=10) as plain:
            try:
                with context.wrap_socket(plain, server_hostname=DOMAIN):
                    return True
            except ssl.SSLError:
                return False

    assert shake_hands() is accepted


@pytest.mark.parametrize("encoding", ["br", "gzip"])
def test_static_files_come_compressed_from_nginx(stack: Stack, encoding: str) -> None:
    with stack.client() as client:
        file = client.get("/static/shop.css", headers={"Accept-Encoding": encoding})
    assert file.headers["Content-Encoding"] == encoding
    assert file.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert "X-Served-By" not in file.headers


def test_a_photo_is_served_by_nginx(stack: Stack) -> None:
    ana = ApiClient(stack, "ana-with-photo", verify=stack.trusted())
    listing = ana.offer("La casa verde", "8.00", 1)
    picture = io.BytesIO()
    Image.new("RGB", (60, 80), "green").save(picture, "JPEG")
    put = ana.http.put(
        f"/catalog/listings/{listing}/photo",
        content=picture.getvalue(),
        headers={"Content-Type": "image/jpeg"},
    ).raise_for_status()

    with stack.client() as client:
        photo = client.get(httpx.URL(put.json()["photo_url"]).path)

    assert (photo.status_code, photo.headers["Content-Type"]) == (200, "image/jpeg")
    assert Image.open(io.BytesIO(photo.content)).size == (60, 80)
    assert "X-Served-By" not in photo.headers


@pytest.mark.parametrize(
    "path", ["/internal/status", "/metrics", "/internal/catalog/quotes", "/metrics/", "/-/away.html"]
)
def test_what_is_inside_is_not_reached_from_outside(stack: Stack, path: str) -> None:
    token = (stack.secrets / "service_token").read_text()
    with stack.client() as client:
        answer = client.get(path, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 404
    assert "Page not found" in answer.text


def test_where_a_client_came_from_is_what_nginx_saw(stack: Stack) -> None:
    """Nobody else searches for this, so nginx has no page of it that it could hand out without asking the shop."""
    with stack.client() as client:
        answer = client.get(
            "/books?q=asked+by+the+liar+alone",
            headers={"X-Forwarded-For": "198.51.100.7", "X-Request-ID": "request-of-the-liar"},
        )
    assert answer.status_code == 200
    [line] = lines_logged(stack, "request-of-the-liar")
    assert "198.51.100.7" not in line


def lines_logged(stack: Stack, word: str) -> list[str]:
    """Those of the shop's log that have the word; the engine may have them a moment after the answer."""
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        if found := [line for line in stack.compose("logs", *stack.shops).splitlines() if word in line]:
            return found
        time.sleep(0.5)
    return []


def test_a_backup_is_proved_and_comes_back_on_an_empty_machine(stack: Stack, tmp_path: Path) -> None:
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    shelf.chmod(0o777)
    stack.settings["BACKUPS"] = str(shelf)
    ana = ApiClient(stack, "ana-of-yesterday", verify=stack.trusted())
    bruno = ApiClient(stack, "bruno-of-yesterday", verify=stack.trusted())
    listing = ana.offer("Rayuela", "11.00", 3)
    picture = io.BytesIO()
    Image.new("RGB", (40, 40), "red").save(picture, "JPEG")
    jpeg = {"Content-Type": "image/jpeg"}
    put = ana.http.put(f"/catalog/listings/{listing}/photo", content=picture.getvalue(), headers=jpeg)
    path = httpx.URL(put.json()["photo_url"]).path
    reference = bruno.place_order(listing, "order-1").json()["reference"]
    assert bruno.pay(reference, "pay-1").json()["status"] == "captured"
    with stack.client() as client:
        photo = client.get(path).content

    said = stack.compose("run", "--rm", "backup", "backup", "--verify")
    assert "verified: restored" in said
    [file] = shelf.iterdir()
    assert file.name.endswith(".tar.sealed")
    stack.down()
    stack.compose("up", "--detach", "database")
    said = stack.compose("run", "--rm", "backup", "restore", f"/backups/{file.name}")
    assert "rows, checksums and files are those of the backup; copies, orders and money agree" in said
    stack.up()

    # The machine is another one, and so is its certificate.
    bruno.http = httpx.Client(base_url=f"{stack.url}/api/v1", timeout=30, verify=stack.trusted())
    bruno.log_in()
    assert bruno.http.get(f"/orders/{reference}").json()["status"] == "paid"
    assert bruno.pay(reference, "pay-1").json()["status"] == "captured"
    assert bruno.http.get(f"/catalog/listings/{listing}").json()["copies_available"] == 2
    with stack.client() as client:
        assert client.get(path).content == photo


def test_each_container_may_be_restarted_and_no_order_is_lost(stack: Stack) -> None:
    """What is there once is missed while it is away; the numbers say for how long."""
    for service in stack.compose("config", "--services").split():
        if not stack.container(service) or service.startswith("migrate"):
            continue
        with Load(stack) as load:
            time.sleep(2)
            stack.compose("restart", service)
            stack.wait_until_open()
            time.sleep(2)
        print(f"{stack.topology}: {service} restarted: {load.failed} of {load.answers.total()} failed")
        assert load.answers["well"] > 100
        wait_until_all_is_well(stack)
        assert load.statuses(load.paid) == {"paid"}


def wait_until_all_is_well(stack: Stack) -> None:
    """Until people notice nothing any more: neighbors leave one another alone for a while after failures."""
    ends_at = time.monotonic() + PATIENCE_SECONDS
    while (noticed := what_is_noticed(stack)) != {"well"}:
        assert time.monotonic() < ends_at, noticed


def what_is_noticed(stack: Stack) -> set[str]:
    try:
        with Load(stack) as load:
            time.sleep(2)
    except httpx.HTTPError as error:
        # Who comes in now cannot even register.
        return {str(error)}
    return set(load.answers)


def test_while_the_shop_is_down_nginx_says_so_and_then_finds_it_again(stack: Stack) -> None:
    """Removed and made anew, so that the containers have other addresses."""
    stack.compose("rm", "--stop", "--force", *stack.shops)
    with stack.client() as client:
        page = client.get("/books")
        form = client.post("/accounts/login", data={"email": "ana@example.com"})
        call = client.get("/api/v1/catalog/books")
    for shown in (page, form):
        assert (shown.status_code, shown.headers["Retry-After"]) == (503, "5")
        assert "A part of the shop is away" in shown.text
    assert (call.status_code, call.json()["code"]) == (503, "service_unavailable")

    stack.up()

    with stack.client() as client:
        for path in ("/books", "/accounts/login", "/orders/cart"):
            stack.wait_until_open(path)
            assert [client.get(path).status_code for _ in range(10)] == [200] * 10


def test_a_client_that_asks_too_much_is_told_so_and_the_shop_is_not_asked(stack: Stack) -> None:
    stack.up(REQUESTS_PER_SECOND="1", BURST="5")
    trusted = stack.trusted()
    time.sleep(1)

    def ask(path: str) -> httpx.Response:
        return httpx.get(f"{stack.url}{path}", verify=trusted, timeout=30)

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(ask, ["/books"] * 30))
        calls = list(pool.map(ask, ["/api/v1/catalog/books"] * 30))
        files = list(pool.map(ask, ["/static/shop.css"] * 30))

    refused = [answer for answer in answers if answer.status_code == 429]
    assert 10 < len(refused) < 30
    assert "Too many requests" in refused[0].text
    assert refused[0].headers["Retry-After"] == "1"
    assert {answer.status_code for answer in answers} == {200, 429}
    assert {call.json()["code"] for call in calls if call.status_code == 429} == {"too_many_requests"}
    assert {file.status_code for file in files} == {200}
    stack.up()
