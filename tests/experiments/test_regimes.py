"""The rule that chooses regimes on CIFAR-10, and the table that it chooses from."""

import json

import pytest

from rodflow_core.experiments import regimes
from rodflow_core.experiments.config import ARCHITECTURES
from rodflow_core.experiments.presets import REGIMES, VARIANTS, preset, preset_of, rows, variants
from rodflow_core.experiments.regimes import CLEAR, EDGE, Trial, choose, clear, settled
from rodflow_core.optimizers import OPTIMIZERS

EARLY, SEEN, AT_EDGE = [200, 0.7, 9.0, 0.5], [400, 1.0, 5.0, 0.3], [600, 1.1, 4.0, 0.2]
DRIFTS, DIVERGED = [800, 1.0, 3.9, 0.1], [33, None, None, None]


def trial(*looks, rate=0.1):
    return Trial(rate, 0.9, None, looks)


@pytest.mark.parametrize(
    ("look", "expected"),
    [
        (EARLY, False), (SEEN, True), (AT_EDGE, True), (DRIFTS, False), (DIVERGED, False),
        ([1, EDGE[0], CLEAR, 0.0], True), ([1, EDGE[1], CLEAR, 0.0], True),
        ([1, EDGE[0] - 1e-6, CLEAR, 0.0], False), ([1, EDGE[1] + 1e-6, CLEAR, 0.0], False),
    ],
)  # fmt: skip
def test_a_look_is_clear_at_the_edge_where_oscillation_outweighs_drift(look, expected):
    assert clear(look) is expected


def test_a_setting_settles_at_the_second_clear_look_in_a_row():
    assert settled(trial(EARLY, SEEN, AT_EDGE, DRIFTS)) == 600
    assert settled(trial(SEEN, DRIFTS, AT_EDGE)) is None
    assert settled(trial(SEEN)) is None and settled(trial(DIVERGED)) is None


def test_the_first_setting_that_settles_is_chosen():
    late = trial([200, 1.0, 50.0, 0.9], DRIFTS, rate=0.05)
    found = choose([late, trial(EARLY, SEEN, AT_EDGE, rate=0.2), trial(SEEN, AT_EDGE, rate=0.3)])
    assert (found.learning_rate, found.warmup, found.beta1) == (0.2, 600, 0.9)
    assert "0.05 (0.9), 0.2 (0.9), 0.3 (0.9)" in found.reason and "†" not in found.reason


def test_where_none_settles_the_most_oscillation_at_the_edge_is_taken_and_marked():
    found = choose([trial(EARLY, SEEN, DRIFTS), trial(DIVERGED, rate=1.0)])
    assert (found.learning_rate, found.warmup) == (0.1, 400) and found.reason.startswith("†")
    assert choose([trial(EARLY)]).warmup == 200, "off the edge only where nothing is at it"
    with pytest.raises(ValueError, match="diverged"):
        choose([trial(DIVERGED)])
    with pytest.raises(ValueError, match="what the scout saw"):
        choose([])


def test_the_table_holds_every_cell_and_its_rows_are_the_rules():
    table = json.loads(regimes.SCOUTED.read_text(encoding="utf-8"))
    assert set(table["cells"]) == {f"{o}-{a}" for o in OPTIMIZERS for a in ARCHITECTURES}
    for name, cell in table["cells"].items():
        optimizer, architecture = name.rsplit("-", 1)
        row = preset("cifar", optimizer, architecture)
        regime = REGIMES["cifar10"][architecture][optimizer]
        tried = [[t["learning_rate"], t["beta1"], t["beta2"]] for t in cell["trials"]]
        assert [row.learning_rate, row.beta1, row.beta2] in tried
        assert (row.warmup, row.learning_rate) == (regime.warmup, regime.learning_rate)
        assert (row.examples, dict(row.sizes)) == (cell["examples"], cell["sizes"])
        assert row.beta1 in (None, 0.9) or "†" in regime.reason or len(tried) > 1


def test_rows_are_named_as_their_files_and_variants_know_their_name():
    found = rows("cifar")
    beside = sum(map(len, VARIANTS.values()))
    assert len(found) == len(OPTIMIZERS) * len(ARCHITECTURES) + beside
    assert next(iter(found)) == "adam-mlp-cifar"
    for stem, config in found.items():
        assert stem == f"{config.optimizer}-{config.architecture}-{preset_of(config)}"
    assert len({config.fingerprint for config in found.values()}) == len(found)
    assert variants("quick", "adam", "mlp") == {} and len(rows("quick")) == 27
    with pytest.raises(ValueError, match="did you mean 'cifar'"):
        rows("cifr")
