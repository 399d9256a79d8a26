"""What `bookstore deploy` looks at and in which order it starts things, without an engine."""

from pathlib import Path

import pytest

from bookstore.deploying import doctor, findings, programs, rollout, stack
from bookstore.deploying.errors import CommandFailed


class RecordingStack(stack.Stack):
    """Writes down what Compose is asked for; all of its containers are healthy."""

    def compose(self, *arguments: str, shown: bool = False) -> str:
        self.asked.append(" ".join(arguments))
        return ""

    @property
    def asked(self) -> list[str]:
        return self.__dict__.setdefault("_asked", [])

    def containers(self, service: str) -> list[str]:
        return [f"{service}-1"]

    def health(self, container: str) -> str:
        return "healthy"


@pytest.fixture(autouse=True)
def _no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COMPOSE_PROFILES", raising=False)
    monkeypatch.setattr(rollout, "run", lambda command: "")
    monkeypatch.setattr(rollout, "NAME_SECONDS", 0)


@pytest.mark.parametrize("topology", ["monolith", "services"])
def test_everything_of_our_own_is_replaced_and_nginx_comes_last(tmp_path: Path, topology: str) -> None:
    shop = RecordingStack(tmp_path, topology)
    rollout.roll_out(shop, "two", lambda step: None)

    ups = [asked.split()[-1] for asked in shop.asked if asked.startswith("up ")]
    assert ups == ["database", *shop.shops, *stack.WORKERS[topology], "edge"]
    once = [asked.split()[-1] for asked in shop.asked if asked.startswith("run --rm")]
    assert once == list(stack.MIGRATIONS[topology])


def test_a_roll_back_migrates_nothing(tmp_path: Path) -> None:
    shop = RecordingStack(tmp_path, "monolith")
    rollout.roll_out(shop, "one", lambda step: None, migrate=False)
    assert [asked for asked in shop.asked if "migrate" in asked] == []


def test_what_the_profiles_add_is_started_once_the_shop_is_open(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("COMPOSE_PROFILES=acme,monitoring\n")
    shop = RecordingStack(tmp_path, "monolith")
    rollout.roll_out(shop, "two", lambda step: None)
    ups = [asked.split()[-1] for asked in shop.asked if asked.startswith("up ")]
    assert ups[-4:] == ["edge", "acme", "prometheus", "grafana"]


def test_profiles_of_the_environment_go_before_those_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("COMPOSE_PROFILES=acme\n")
    monkeypatch.setenv("COMPOSE_PROFILES", "monitoring")
    assert stack.Stack(tmp_path, "monolith").beside == ["prometheus", "grafana"]


@pytest.mark.parametrize(
    ("said", "holds", "detail"),
    [("yes\n", True, "kept right by NTP"), ("no\n", False, "not kept right by NTP")],
)
def test_the_doctor_asks_who_keeps_the_clock(
    monkeypatch: pytest.MonkeyPatch, said: str, holds: bool, detail: str
) -> None:
    monkeypatch.setattr(doctor, "run", lambda command: said)
    assert doctor._clock() == findings.Finding("clock", holds, detail, must=False)


def test_a_clock_that_nobody_knows_of_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(command: list[str]) -> str:
        raise CommandFailed(command=" ".join(command), said="not found")

    monkeypatch.setattr(doctor, "run", absent)
    assert not doctor._clock().holds


def test_a_short_secret_of_ours_is_named_and_a_password_that_others_gave_is_not(tmp_path: Path) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "secret_key").write_text("0123456789abcdef0123456789abcdef")
    (secrets / "database_password").write_text("secret")
    (secrets / "smtp_password").write_text("short")
    assert [finding.what for finding in findings.weak_secrets(secrets)] == ["secret database_password"]


@pytest.mark.parametrize(
    ("ends", "told"),
    [("exit 3", "(exit 3) failed:\nwhy"), ("kill -9 $$", "(ended by signal 9) failed:\nwhy")],
)
def test_a_program_that_fails_is_told_with_its_end_and_its_words(ends: str, told: str) -> None:
    with pytest.raises(CommandFailed) as failed:
        programs.run(["bash", "-c", f"echo why >&2; {ends}"])
    assert str(failed.value).endswith(told)
