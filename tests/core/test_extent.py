"""The low-rank extent against its dense twin, and its truncation against the theory of it."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from toolkit import examples, is_one_sentence, random

from rodflow_core.extent import Extent, ExtentRate, norm, relax, relax_dense, rod

D = 12


def run(drives, rank, dt=0.25, start=None):
    """The extent after all drives, low-rank and dense."""
    extent = start or rod(torch.zeros_like(drives[0][0]))
    sigma = extent.dense()
    for drive in drives:
        extent, sigma = relax(extent, drive, dt, rank), relax_dense(sigma, drive, dt)
    return extent, sigma


def assert_equal_to_rounding(extent, sigma, roundings=50):
    eps = torch.finfo(sigma.dtype).eps
    r = len(extent.eigenvalues)
    gram = extent.basis.T @ extent.basis
    assert (gram - torch.eye(r, dtype=gram.dtype)).abs().max() < roundings * eps
    inner = extent.rods @ extent.rods.T
    apart = (inner - extent.eigenvalues.diag()).abs().max()
    assert apart <= roundings * eps * extent.eigenvalues[0] if r else True
    assert (extent.eigenvalues >= 0).all()
    assert (extent.eigenvalues.diff() <= 0).all()
    assert (extent.dense() - sigma).norm() <= roundings * eps * max(sigma.norm(), 1e-300)


@examples(40)
@given(
    seed=st.integers(0, 10**6),
    dim=st.integers(1, 12),
    k=st.integers(1, 3),
    extra=st.integers(0, 8),
    dt=st.sampled_from([0.5, 0.25, 0.1, 0.01]),
    magnitude=st.sampled_from([1e-8, 1.0, 1e6]),
)
def test_equals_the_dense_update_where_the_rank_suffices(seed, dim, k, extra, dt, magnitude):
    drives = magnitude * random(seed, 25, k, dim)
    assert_equal_to_rounding(*run(drives, dim + extra, dt))


@examples(40)
@given(
    seed=st.integers(0, 10**6),
    parts=st.integers(1, 4),
    own=st.booleans(),
    grade=st.sampled_from([0.0, 6.0, 12.0]),
)
def test_a_combination_of_rates_of_either_sign_equals_the_dense_one(seed, parts, own, grade):
    """As the stages of a Runge-Kutta method make them: other extents, coefficients of any sign.

    What would become negative is set to zero. Where the sum is graded, over six decades or twelve,
    its small eigenvalues are differences in a basis whose end is known to the root of rounding
    only: the more decades, the more roundings of the largest.
    """
    grades = torch.logspace(0, -grade / 2, D, dtype=torch.float64)
    start = relax(rod(torch.zeros(D).double()), random(seed, D, D) * grades, 1.0, D)
    terms = [(0.3, start)] if own else []
    for i in range(parts):
        other = relax(rod(torch.zeros(D).double()), 0.3 * random(seed + i + 1, 3, D) * grades, 1, D)
        terms.append(((-1) ** i * 0.2, other))
    terms = [
        (c, ExtentRate(extent, 0.3 * random(seed + 50 + i, 2, D) * grades, 0.5, D))
        for i, (c, extent) in enumerate(terms)
    ]
    expected = start.dense()
    for c, rate in terms:
        full = -2 * rate.extent.dense() + rate.weight * rate.drive.T @ rate.drive
        expected = expected + c * full
        assert norm([(c, rate)]) == pytest.approx(float((c * full).norm()), rel=1e-12)
    values, vectors = torch.linalg.eigh(expected)
    best = (vectors * values.clamp_min(0)) @ vectors.T
    roundings = {0.0: 100, 6.0: 5000, 12.0: 1e6}[grade]
    assert_equal_to_rounding(start.moved(terms), best, roundings)
    together = expected - start.dense()
    assert norm(terms) == pytest.approx(float(together.norm()), rel=1e-10)


def test_equals_the_dense_update_over_many_steps():
    assert_equal_to_rounding(*run(random(0, 1000, 2, D), D, 0.25), roundings=200)


def test_equals_the_dense_update_while_the_rank_grows():
    """Each drive adds at most its own columns, so 2 n columns are exact for n steps."""
    drives = random(1, 5, 2, 40)
    extent, sigma = run(drives, rank=10)
    assert len(extent.eigenvalues) == 10
    assert_equal_to_rounding(extent, sigma)


def test_single_precision():
    extent, sigma = run(random(2, 200, 2, D).float(), D)
    assert extent.basis.dtype == extent.eigenvalues.dtype == torch.float32
    assert_equal_to_rounding(extent, sigma)


def test_a_zero_drive_only_decays():
    start = rod(random(3, D))
    extent, sigma = run(torch.zeros(40, 2, D, dtype=torch.float64), 3, 0.25, start)
    assert_equal_to_rounding(extent, sigma)
    decayed = float(start.eigenvalues[0]) * 0.5**40
    assert float(extent.eigenvalues[0]) == pytest.approx(decayed, rel=1e-13)
    nothing, _ = run(torch.zeros(3, 2, D, dtype=torch.float64), 3)
    assert not nothing.dense().any() and not nothing.half_displacement.any()


def test_a_drive_inside_the_span_adds_no_direction():
    extent, sigma = run(random(4, 3, 2, D), 6)
    inside = random(5, 2, 6) @ extent.rods
    after, dense = relax(extent, inside, 0.1, D), relax_dense(sigma, inside, 0.1)
    assert len(after.eigenvalues) == 6
    assert_equal_to_rounding(after, dense)


@pytest.mark.parametrize("gap", [0.0, 1e-16, 1e-14, 1e-12, 1e-9, 1e-5])
@pytest.mark.parametrize("within", ["drive", "basis"])
def test_nearly_dependent_drives_leave_the_basis_orthonormal(gap, within):
    """Two columns of a drive, or a drive and what the basis holds, ``gap`` apart."""
    drives, others = random(6, 30, 2, D), random(7, 30, D)
    if within == "drive":
        drives[:, 1] = drives[:, 0] + gap * others
    else:
        drives[1:] = drives[:1] + gap * others[1:, None]
    assert_equal_to_rounding(*run(drives, D))


def test_drives_of_opposite_sign_and_very_different_size():
    drives = random(8, 30, 2, D)
    drives[:, 1] = -1e-9 * drives[:, 0] + 1e-13 * random(9, 30, D)
    assert_equal_to_rounding(*run(drives, D))


@examples(40)
@given(seed=st.integers(0, 10**6), single=st.booleans(), rank=st.integers(1, 4))
def test_graded_drives_cost_no_more_than_what_is_discarded(seed, single, rank):
    """Components over twelve decades and columns over six: the best of its rank, to rounding."""
    drives = random(seed, 15, 2, D) * 10 ** -random(seed + 1, 15, 1, D).abs().mul(4).clamp(max=12)
    drives = drives * 10 ** random(seed + 2, 15, 2, 1).clamp(-3, 3)
    drives = drives.float() if single else drives
    eps, extent = torch.finfo(drives.dtype).eps, rod(drives[0, 0])
    for drive in drives:
        sigma = relax_dense(extent.dense().double(), drive.double(), 0.25)
        extent = relax(extent, drive, 0.25, rank)
        discarded = torch.linalg.eigvalsh(sigma)[:-rank].norm()
        assert (sigma - extent.dense().double()).norm() <= discarded + 50 * eps * sigma.norm()
        gram = extent.basis.T @ extent.basis
        assert (gram - torch.eye(len(gram), dtype=gram.dtype)).abs().max() < 20 * eps


def test_constant_drive_settles_at_the_quasi_equilibrium():
    """(266): half of drive drive^T, of rank at most two."""
    drive = random(10, 2, D)
    extent, _ = run(drive.expand(200, 2, D), 2)
    torch.testing.assert_close(extent.dense(), 0.5 * drive.T @ drive, rtol=0, atol=1e-14)


@pytest.mark.parametrize("rank", [1, 2, 4])
def test_one_truncation_costs_the_discarded_eigenvalues(rank):
    """Eckart-Young: the best of its rank, off by the norm of what was dropped."""
    extent, _ = run(random(11, 20, 2, D), 6)
    drive = random(12, 2, D)
    whole, cut = relax(extent, drive, 0.25, D), relax(extent, drive, 0.25, rank)
    torch.testing.assert_close(cut.eigenvalues, whole.eigenvalues[:rank], rtol=1e-13, atol=0)
    error = (whole.dense() - cut.dense()).norm()
    torch.testing.assert_close(error, whole.eigenvalues[rank:].norm(), rtol=1e-12, atol=0)
    assert error > 0


@pytest.mark.parametrize("seed", range(3))
def test_truncation_error_is_bounded_and_decreases_with_the_rank(seed):
    """What each step drops decays by 1 - 2 dt a step, as Sigma does; their sum bounds the error.

    It only ever takes away: the truncated extent never exceeds the whole one.
    """
    dt, errors = 0.2, []
    # A drive with leading directions, as the displacement of a rod has.
    drives = random(seed, 60, 2, D) * torch.logspace(0, -2, D, dtype=torch.float64)
    for rank in (1, 2, 4, 8, D):
        extent, bound = rod(torch.zeros(D, dtype=torch.float64)), 0.0
        sigma = extent.dense()
        for drive in drives:
            dropped = relax(extent, drive, dt, D).eigenvalues[rank:]
            bound = (1 - 2 * dt) * bound + float(dropped.norm())
            extent, sigma = relax(extent, drive, dt, rank), relax_dense(sigma, drive, dt)
        gap = sigma - extent.dense()
        assert torch.linalg.eigvalsh(gap)[0] > -1e-13
        errors.append(float(gap.norm()))
        assert errors[-1] <= bound + 1e-13
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 1e-13 < 1e-4 < errors[2]


def test_a_rod_is_the_outer_product_of_its_half_displacement():
    half = random(13, D)
    extent = rod(half)
    torch.testing.assert_close(extent.dense(), torch.outer(half, half), rtol=1e-14, atol=1e-15)
    sign = torch.sign(extent.half_displacement @ half)
    torch.testing.assert_close(sign * extent.half_displacement, half, rtol=1e-14, atol=0)


def test_a_zero_rod_has_rank_zero():
    extent = rod(torch.zeros(D, dtype=torch.float64))
    assert extent.basis.shape == (D, 0) and extent.eigenvalues.shape == (0,)
    assert torch.equal(extent.half_displacement, torch.zeros(D, dtype=torch.float64))


def test_nothing_it_is_given_changes():
    extent, drive = rod(random(14, D)), random(15, 2, D)
    copies = extent.rods.clone(), extent.eigenvalues.clone(), drive.clone()
    relax(extent, drive, 0.25, 2)
    assert all(map(torch.equal, copies, (*extent, drive)))


@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
def test_a_drive_that_is_not_finite_gives_nan(bad):
    drive = random(16, 2, D)
    drive[1, 3] = bad
    for start in (rod(random(17, D)), rod(torch.zeros(D, dtype=torch.float64))):
        extent = relax(start, drive, 0.25, 2)
        assert torch.isnan(extent.rods).all() and torch.isnan(extent.eigenvalues).all()
        assert torch.isnan(extent.half_displacement).all()
        again = relax(extent, random(18, 2, D), 0.25, 2)
        assert torch.isnan(again.half_displacement).all()


def test_a_drive_whose_square_overflows_gives_nan():
    assert torch.isnan(
        relax(rod(random(19, D)), 1e200 * random(20, 2, D), 0.25, 2).eigenvalues
    ).all()


@pytest.mark.parametrize("rank", [0, -1])
def test_a_rank_below_one_is_refused_in_one_sentence(rank):
    extent = Extent(torch.zeros(0, D), torch.zeros(0))
    with pytest.raises(ValueError, match=f"rank is {rank}") as caught:
        relax(extent, torch.ones(2, D), 0.25, rank)
    assert is_one_sentence(str(caught.value))
