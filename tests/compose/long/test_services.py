"""What takes long, and is seen of the whole shop in each run, of three services too."""

import pytest

from tests.compose.browsing import browse
from tests.compose.deployed import Deployed, assert_another_version_and_the_way_back_drop_no_request
from tests.compose.stack import Stack


@pytest.mark.parametrize("deployed", ["services"], indirect=True)
def test_another_version_and_the_way_back_drop_no_request(deployed: Deployed) -> None:
    assert_another_version_and_the_way_back_drop_no_request(deployed)


@pytest.mark.parametrize("stack", ["services"], indirect=True)
def test_people_with_a_browser_do_all_that_they_do_elsewhere(stack: Stack) -> None:
    assert browse(stack) > 30
