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
from toolkit import TWINS, Twin, Valley, iterate, make

from rodflow_core.optimizers import (
    OPTIMIZERS,
    Dozat,
    HeavyBall,
    NoMomentum,
    PerComponentSecondMoment,
    Row,
    UpdateRule,
)


@dataclass(frozen=True)
class QuasiHyperbolic(HeavyBall):
    v: float = 0.7

    def direction(self, m, g):
        return (1 - self.v) * g + self.v * super().direction(m, g)

    @property
    def threshold_factor(self):
        return (1 + self.beta) / (1 + self.beta - 2 * self.v * self.beta)


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


def test_its_hyperparameters_are_checked_as_any_others():
    with pytest.raises(ValueError, match="beta1 is 1.0"):
        make("qhm", 0.1, beta1=1.0)
