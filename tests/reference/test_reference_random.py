"""What comes out of random scenarios is plain JSON. The laws they obey are in tests/laws, for both engines."""

import json

import pytest

from backtester.reference import run
from tests.twin.scenarios import random_scenario


@pytest.mark.parametrize("seed", range(20))
def test_results_are_json(seed):
    json.dumps(run(random_scenario(seed)), allow_nan=False)
