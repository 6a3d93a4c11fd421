"""A tenth and an eleventh optimizer, defined here: a class and a row each, and every contract.

The tenth is quasi-hyperbolic momentum (Ma and Yarats, arXiv:1810.06801), which follows
``(1 - v) g + v m_{t+1}``: v = 0 is gradient descent, v = 1 heavy ball, v = beta Dozat's Nesterov.
The eleventh adds a second moment that is not one of the package's either: it follows the square of
the surprise ``g - m``, as AdaBelief does (Zhuang et al., arXiv:2010.07468; there m is the new one).
"""

from dataclasses import dataclass

import pytest
import torch
from test_flows import FlowContract
from test_lockstep import LockstepContract
from test_optimizers import StepContract
from test_rods_on_landscapes import LandscapeContract
from test_thresholds import ThresholdContract
from toolkit import TWINS, Twin, Valley, is_one_sentence, iterate

from rodflow_core.optimizers import (
    OPTIMIZERS,
    Dozat,
    HeavyBall,
    NoMomentum,
    PerComponentSecondMoment,
    Row,
    UpdateRule,
    make_rule,
)


@dataclass(frozen=True)
class QuasiHyperbolic(HeavyBall):
    v: float = 0.7

    def direction(self, m, g):
        return (1 - self.v) * g + self.v * super().direction(m, g)


@dataclass(frozen=True)
class Surprise(PerComponentSecondMoment):
    def target(self, g, m):
        return (g - m).square()


ROWS = {
    "qhm": Row("quasi-hyperbolic momentum", QuasiHyperbolic),
    "qhbelief": Row("quasi-hyperbolic AdaBelief", QuasiHyperbolic, Surprise, True),
}


def weights(beta, v=0.7):
    return v * beta, 1 - v * beta, 0.0


@pytest.fixture(scope="module", autouse=True)
def registered():
    """One row, and for the tests one line of numpy, for as long as this file's tests run."""
    with pytest.MonkeyPatch.context() as patch:
        for name, row in ROWS.items():
            patch.setitem(OPTIMIZERS, name, row)
        patch.setitem(TWINS, "qhm", Twin(weights))
        patch.setitem(TWINS, "qhbelief", Twin(weights, lambda g, m: (g - m) ** 2, True))
        yield


@pytest.mark.parametrize("name", ROWS)
class TestBoth(StepContract, FlowContract, ThresholdContract, LockstepContract):
    pass


@pytest.mark.parametrize("name", ["qhm"])
class TestTenth(LandscapeContract):
    pass


@pytest.mark.parametrize(
    ("v", "same_as"), [(0.0, NoMomentum()), (1.0, HeavyBall(0.6)), (0.6, Dozat(0.6))]
)
def test_its_special_cases_are_rows_of_the_family(v, same_as):
    tenth, known = UpdateRule(0.2, QuasiHyperbolic(0.6, v)), UpdateRule(0.2, same_as)
    assert tenth.threshold == pytest.approx(known.threshold, rel=1e-14)
    w = torch.tensor([0.5, -0.4], dtype=torch.float64)
    paths = [iterate(rule, Valley(), rule.initial_state(w), 50) for rule in (tenth, known)]
    for a, b in zip(*paths, strict=True):
        torch.testing.assert_close(tenth.split(a.z)[0], known.split(b.z)[0], rtol=0, atol=1e-14)


@pytest.mark.parametrize("v", [0.0, 0.3, 0.7, 1.0])
def test_its_own_hyperparameter_goes_through_make_rule(v):
    for name in ROWS:
        assert OPTIMIZERS[name].hyperparameters[:2] == ("beta1", "v")
        rule = make_rule(name, 0.2, beta1=0.6, v=v)
        assert rule == UpdateRule(
            0.2, QuasiHyperbolic(0.6, v), ROWS[name].second_moment(), name == "qhbelief"
        )
        assert rule.momentum.weights == pytest.approx(weights(0.6, v), rel=1e-14)
        expected = 2 / 0.2 * 1.6 / (1.6 - 1.2 * v)  # of eta S (1 - v beta / (1 + beta) 2) = 2
        assert rule.threshold == pytest.approx(expected, rel=1e-14)
    assert make_rule("qhm", 0.2) == make_rule("qhm", 0.2, beta1=0.9, v=None)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"beta1": 1.0}, "beta1 is 1.0"),
        ({"nu": 0.7}, "has no nu; it takes learning_rate, beta1, v."),
        ({"beta2": 0.9}, "has no beta2"),
    ],
)
def test_its_hyperparameters_are_checked_as_any_others(given, says):
    with pytest.raises(ValueError, match=says) as caught:
        make_rule("qhm", 0.1, **given)
    assert is_one_sentence(str(caught.value))


def test_no_other_row_takes_it():
    with pytest.raises(ValueError, match="heavy ball has no v"):
        make_rule("heavy_ball", 0.1, v=0.7)
