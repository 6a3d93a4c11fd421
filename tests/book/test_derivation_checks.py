"""The checks of the derivations themselves."""

import numpy as np
import pytest

from rodflow_book.derivations.checks import FalseEquation, close, positive, same
from rodflow_book.derivations.symbols import S, beta, eta

S_HB = 2 / eta * (1 + beta) / (1 - beta)
S_NAG = S_HB / (1 + 2 * beta)


def test_checks_name_the_equation_and_the_difference():
    with pytest.raises(FalseEquation, match=r"^\(81\) is false: derived minus stated is "):
        same(81, S_HB, S_NAG)
    with pytest.raises(FalseEquation, match=r"^\(87\), \(88\) has 1 entries; derived were 2\.$"):
        same((87, 88), [S, S], S)
    with pytest.raises(FalseEquation, match=r"^\(110\) is not shown"):
        positive(110, beta - 1)
    with pytest.raises(FalseEquation):
        close(56, np.nan, 1.0, 1.0)
