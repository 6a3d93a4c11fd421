"""Appendices G and H: what is right as printed, and refused when altered."""

import numpy as np
import pytest
import sympy as sp
import torch
from appendices import holds
from toolkit import random

from rodflow_book.derivations import appendix_g as low_rank
from rodflow_book.derivations.checks import close, same
from rodflow_book.derivations.numeric import extent_of
from rodflow_book.derivations.symbols import P, beta1, eta, g, m
from rodflow_core.extent import relax_dense


def random_extent(rank, dim=7):
    basis, _ = torch.linalg.qr(random(rank, dim, rank))
    return extent_of(basis, random(3, rank).abs().sort(descending=True).values)


@pytest.mark.parametrize("kept, rank", [(0, 2), (2, 4), (3, 1), (3, 3), (5, 7)])
def test_g_five_steps_are_the_dense_step_cut_to_rank(kept, rank):
    before, (plus, minus), dt = random_extent(kept), random(11, 2, 7), 0.25
    dense = relax_dense(before.dense(), 0.5 * torch.stack((plus, minus)), dt)
    values, vectors = np.linalg.eigh(dense.numpy())
    best = (vectors[:, -rank:] * values[-rank:]) @ vectors[:, -rank:].T
    after = low_rank.five_steps(before, plus, minus, dt, rank)
    close(273, after.dense(), best, 1e-12)
    wrong = low_rank.five_steps(before, plus, minus, dt, rank, decay=np.exp(-2 * dt))
    assert holds(close, wrong.dense(), best, 1e-3) == (kept == 0)
    without = low_rank.five_steps(before, plus, minus, dt, rank, threshold=10.0)
    assert not holds(close, without.dense(), best, 1e-3)


def test_g_a_direction_within_the_span_is_not_added():
    before = random_extent(2)
    inside = before.basis @ random(4, 2)
    after = low_rank.five_steps(before, inside, -inside, 0.25, 4)
    assert len(after.eigenvalues) == 2
    drive = 0.5 * torch.stack((inside, -inside))
    close(271, after.dense(), relax_dense(before.dense(), drive, 0.25), 1e-12)


@pytest.mark.parametrize(
    "factor, right", [(1 - 2 * low_rank.dt, True), (sp.exp(-2 * low_rank.dt), False)]
)
def test_g_only_the_euler_factor_rests_where_the_flow_does(factor, right):
    rest = low_rank.decayed_fixed_point(factor)
    assert holds(same, rest, low_rank.source / 2) == right


@pytest.mark.parametrize("power, right", [(0, True), (1, False), (-1, False)])
def test_g_bias_of_the_raw_moment(power, right):
    t = low_rank.t
    raw = (1 - beta1 ** (t + power)) * g
    steps = [raw.subs(t, 0), raw.subs(t, t + 1)]
    assert holds(same, steps, [0, low_rank.average(raw, beta1, g)]) == right


def test_g_the_newest_gradient_is_corrected_too():
    c1 = low_rank.c1
    step = low_rank.corrected_step(g)
    hats = beta1 * m / c1 + (1 - beta1) * g / c1
    assert holds(same, step, -eta / P * hats)
    raw_gradient = beta1 * m / c1 + (1 - beta1) * g
    assert not holds(same, step, -eta / P * raw_gradient)
