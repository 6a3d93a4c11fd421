"""The semidefinite complementarity problem: its conditions, and scipy's minimum."""

import math

import numpy as np
import pytest
from scipy.optimize import minimize

from rodflow_core import complementarity


def problem(k, seed, defect=0.0):
    """A random convex problem; some directions are at the threshold and some are not."""
    draw = np.random.default_rng(seed)
    m = k * (k + 1) // 2
    root = draw.normal(size=(m, m + 2 - seed % 3))
    weight = np.where(np.equal(*complementarity.pairs(k)), 1.0, 2.0)
    b = root @ root.T * weight + defect * draw.normal(size=(m, m))
    a = draw.normal(size=(k, k))
    return (a + a.T) / 2, b


def applied(b, x):
    i, j = complementarity.pairs(len(x))
    out = np.zeros_like(x)
    out[i, j] = out[j, i] = b @ x[i, j]
    return out


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_the_complementarity_problem_is_solved(k, seed):
    a, b = problem(k, seed, defect=0.02)
    x, residual = complementarity.solve(a, b)
    slack, scale = a + applied(b, x), np.abs(a).max()
    assert residual < 1e-9
    assert np.linalg.eigvalsh(x)[0] >= -1e-12 * (1 + np.abs(x).max())
    assert np.linalg.eigvalsh(slack)[0] >= -1e-8 * scale
    assert abs((x * slack).sum()) <= 1e-8 * scale * (1 + np.abs(x).max())


@pytest.mark.parametrize("seed", range(6))
def test_it_is_the_minimum_of_a_convex_function(seed):
    """Against scipy, over X = L L^T."""
    k = 3
    a, b = problem(k, seed)
    low = np.tril_indices(k)

    def energy(entries):
        root = np.zeros((k, k))
        root[low] = entries
        x = root @ root.T
        return 0.5 * (x * applied(b, x)).sum() + (a * x).sum()

    starts = np.random.default_rng(seed).normal(size=(8, len(low[0])))
    options = {"gtol": 1e-10, "maxiter": 5000}
    best = min(minimize(energy, start, options=options).fun for start in starts)
    x = complementarity.solve(a, b).x
    mine = 0.5 * (x * applied(b, x)).sum() + (a * x).sum()
    assert mine == pytest.approx(best, rel=1e-5, abs=1e-9)


def test_units_do_not_matter():
    a, b = problem(2, 3)
    x = complementarity.solve(a, b).x
    np.testing.assert_allclose(complementarity.solve(1e-9 * a, 1e7 * b).x, 1e-16 * x, rtol=1e-8)


def test_a_problem_without_an_answer_says_so():
    assert complementarity.solve(np.array([[-1.0]]), np.zeros((1, 1))).residual == 1
    assert math.isinf(complementarity.solve(np.array([[-1.0]]), np.zeros((1, 1))).x[0, 0])
    assert complementarity.solve(-np.eye(2), np.zeros((3, 3))).residual == 1
    assert math.isnan(complementarity.solve(np.full((2, 2), np.nan), np.eye(3)).residual)
