"""The short form of the drill: see tests/cluster/drill.py and `make drill`."""

import random
from collections.abc import Iterator

import pytest

from tests.cluster.drill import Cluster, drill, race_for_the_last_copy, running_cluster

BUYERS_OF_THE_LAST_COPY = 500


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with running_cluster(tmp_path_factory.mktemp("drill") / "shop") as cluster:
        yield cluster


def test_500_buyers_of_one_copy_are_one_sale(cluster: Cluster) -> None:
    answers = race_for_the_last_copy(cluster, BUYERS_OF_THE_LAST_COPY)
    final = {word: count for word, count in answers.items() if "asked again" not in word}

    assert final == {
        "201 awaiting_payment": 1,
        "409 out_of_stock": BUYERS_OF_THE_LAST_COPY - 1,
    }, answers
    audit = cluster.shop.run("audit", check=False)
    assert audit.returncode == 0, audit.stdout


def test_kills_of_any_process_break_no_word(cluster: Cluster) -> None:
    seed = random.SystemRandom().randrange(10**6)

    report = drill(cluster, seconds=30, buyers=6, database_kills=1, seed=seed)

    print(report)
    assert report.findings == [], report
    assert report.told_paid > 0, report
    assert sum(report.kills.values()) >= 5, report
