"""Appendix C.1: what is right as printed, and refused when altered."""

import pytest
import sympy as sp
from appendices import holds

from rodflow_book.derivations import appendix_c1 as c1
from rodflow_book.derivations.checks import same
from rodflow_book.derivations.generic import gradient, rod
from rodflow_book.derivations.symbols import beta, eta


@pytest.mark.parametrize("name", ["heavy_ball", "nesterov"])
def test_c1_displacement_and_its_wrong_variants(name):
    z = c1.start()
    moved = c1.step(name, z) - z
    assert holds(same, moved, c1.displacement(name, z))
    other = "nesterov" if name == "heavy_ball" else "heavy_ball"
    assert not holds(same, moved, c1.displacement(other, z))
    g, moment = gradient(c1.gradient_point(name, z)), z[2:, :]
    old_moment = sp.Matrix.vstack(-eta * moment, (1 - beta) * (g - moment))
    assert not holds(same, moved, old_moment)


@pytest.mark.parametrize("name", ["heavy_ball", "nesterov"])
def test_c1_difference_equations_and_their_wrong_variants(name):
    z0 = c1.start()
    z1 = c1.step(name, z0)
    centre, half = rod(z0, z1)
    after_centre, after = rod(z1, c1.step(name, z1))
    velocity, rate = c1.difference_equations(name, centre, half)
    assert holds(same, after_centre - centre, velocity)
    assert holds(same, after * after.T - half * half.T, rate)
    assert not holds(same, after_centre - centre, 2 * velocity)
    assert not holds(same, after[0] ** 2 - half[0] ** 2, rate[0, 0] + half[0] ** 2)
    # One rod: turned as a whole nothing changes, turned in its moment alone the mixed block does.
    split = sp.Matrix.vstack(half[:2, :], -half[2:, :])
    assert holds(same, rate, c1.difference_equations(name, centre, -half)[1])
    assert not holds(same, rate[0, 2], c1.difference_equations(name, centre, split)[1][0, 2])
