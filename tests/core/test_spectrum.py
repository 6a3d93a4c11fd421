"""Leading eigenpairs against dense linear algebra, closed forms and a dense autograd Hessian."""

import numpy as np
import pytest
import scipy.linalg
import torch

from rodflow_core.spectrum import leading_eigenpairs, preconditioned_operator

DIM = 60
DEVICES = ["cpu"] + (["cuda"] if torch.cuda.is_available() else [])
BULK = np.linspace(-4.0, 5.0, DIM - 4)
SPECTRA = {
    "separated": 10.0 * 0.7 ** np.arange(DIM),
    "cluster": np.concatenate([10.0 * (1 - 1e-3 * np.arange(4)), BULK]),
    "multiplicity three": np.concatenate([[10.0, 10.0, 10.0, 9.0], BULK]),
    "all equal": np.full(DIM, 3.0),
    "one negative": np.concatenate([[-20.0], np.linspace(1.0, 10.0, DIM - 1)]),
    "negative definite": -np.linspace(0.1, 10.0, DIM),
    "rank one": np.concatenate([[5.0], np.zeros(DIM - 1)]),
    "zero": np.zeros(DIM),
}


def with_spectrum(eigenvalues, seed=0):
    """Return a dense symmetric matrix with these eigenvalues in a random orthonormal basis."""
    normal = np.random.default_rng(seed).standard_normal((len(eigenvalues),) * 2)
    q = np.linalg.qr(normal)[0]
    matrix = (q * eigenvalues) @ q.T
    return (matrix + matrix.T) / 2


def rounding(dim, dtype, norm):
    """Bound the rounding of a dense product of this size, with that of the few that follow."""
    return 10 * dim * torch.finfo(dtype).eps * norm


def edge_of_stability(dim, seed=0):
    """Return a diagonal: a bulk of both signs that reaches 12, and a cluster at 20."""
    bulk = np.abs(np.random.default_rng(seed).standard_normal(dim)) ** 3
    bulk *= 12 / bulk.max()
    bulk[::3] *= -0.2
    bulk[:4] = [20.0, 20.0 * (1 - 1e-3), 20.0 * (1 - 2e-3), 19.5]
    return torch.from_numpy(bulk)


def nudged(diagonal, size, seed):
    """Return the diagonal operator plus a random symmetric perturbation of this norm."""
    normal = np.random.default_rng(seed).standard_normal((len(diagonal), 2))
    u, v = torch.from_numpy(np.linalg.qr(normal)[0]).unbind(1)
    return lambda x: diagonal * x + size * (u * (v @ x) + v * (u @ x))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("k", [1, 2, 3, 5, 20, DIM - 1, DIM])
@pytest.mark.parametrize("name", SPECTRA)
def test_agrees_with_dense_eigh(name, k, dtype, device):
    matrix = torch.from_numpy(with_spectrum(SPECTRA[name])).to(device, dtype)
    exact = np.linalg.eigvalsh(matrix.cpu().double().numpy())[::-1]
    norm = np.abs(exact).max()
    slack = rounding(DIM, dtype, norm)

    found = leading_eigenpairs(lambda v: matrix @ v, DIM, k, tol=0.0, dtype=dtype, device=device)

    assert found.converged
    assert found.values.shape == found.residuals.shape == (k,)
    assert found.vectors.shape == (DIM, k)
    assert found.vectors.dtype == dtype and found.vectors.device.type == device
    # For k Ritz values of the k leading eigenvalues the error is at most that of the residuals.
    error = np.abs(found.values.cpu().double().numpy() - exact[:k].copy()).max()
    assert error <= float(torch.linalg.vector_norm(found.residuals)) + slack
    assert float(found.residuals.max()) <= slack
    assert bool((found.values[:-1] >= found.values[1:]).all())

    vectors = found.vectors.double()
    identity = torch.eye(k, dtype=torch.float64, device=device)
    orthonormality = torch.linalg.matrix_norm(vectors.T @ vectors - identity, ord=2)
    assert float(orthonormality) <= rounding(DIM, dtype, 1.0)
    residuals = torch.linalg.vector_norm(matrix.double() @ vectors - vectors * found.values, dim=0)
    assert torch.allclose(residuals, found.residuals.double(), rtol=0.0, atol=slack)


@pytest.mark.parametrize("k", [1, 4, 9])
def test_vectors_span_the_leading_eigenspace(k):
    matrix = with_spectrum(SPECTRA["separated"])
    exact, q = scipy.linalg.eigh(matrix)
    exact, q = exact[::-1], q[:, ::-1][:, :k]
    operator = torch.from_numpy(matrix)
    found = leading_eigenpairs(lambda v: operator @ v, DIM, k, tol=1e-8, dtype=torch.float64)
    vectors = found.vectors.numpy()
    sine = np.linalg.norm(vectors - q @ (q.T @ vectors), ord=2)
    # Davis and Kahan: the sine of the largest angle is below the residual over the gap.
    gap = exact[k - 1] - exact[k] - 1e-8 * exact[0]
    assert sine <= np.linalg.norm(found.residuals.numpy()) / gap + rounding(DIM, torch.float64, 1)


@pytest.mark.parametrize("seed", range(5))
def test_every_copy_of_a_multiple_eigenvalue_is_found(seed):
    diagonal = edge_of_stability(3000, seed)
    diagonal[:4] = torch.tensor([20.0, 20.0, 20.0, 19.0])
    found = leading_eigenpairs(
        lambda v: diagonal * v, 3000, 4, tol=1e-9, dtype=torch.float64, seed=seed
    )
    # With so small a share of the space a solver cannot find the copies by exhausting it.
    assert found.converged and found.matvecs < 200
    assert np.allclose(found.values, [20.0, 20.0, 20.0, 19.0], rtol=0.0, atol=4 * 2e-8)


def test_thick_restarts_reach_the_closed_form_of_the_second_difference():
    n = 300

    def second_difference(v):
        inner = torch.nn.functional.pad(v, (1, 1))
        return 2 * v - inner[:-2] - inner[2:]

    exact = 2 - 2 * np.cos(np.arange(n, n - 3, -1) * np.pi / (n + 1))
    found = leading_eigenpairs(
        second_difference, n, 3, tol=1e-7, max_matvecs=3000, dtype=torch.float64
    )
    # More products than dimensions: the basis has been restarted many times.
    assert found.converged and found.matvecs > n
    gap = exact[0] - exact[1]
    assert np.abs(found.values.numpy() - exact).max() <= 3 * (4e-7) ** 2 / gap


def test_a_start_that_has_not_moved_costs_one_product_a_vector():
    diagonal = edge_of_stability(2000)
    cold = leading_eigenpairs(lambda v: diagonal * v, 2000, 3, dtype=torch.float64)
    warm = leading_eigenpairs(lambda v: diagonal * v, 2000, 3, start=cold.subspace, guard=2)
    assert cold.converged and warm.converged
    assert warm.matvecs == 3 + 2
    assert warm.subspace.shape == (2000, 3 + 2) and warm.subspace.dtype == torch.float64
    assert torch.allclose(warm.values, cold.values, rtol=0.0, atol=2e-5)


@pytest.mark.parametrize(("size", "factor"), [(2e-3, 4), (2e-2, 3)])
def test_warm_start_after_a_small_change_is_cheaper_and_agrees(size, factor):
    dim, k = 2000, 3
    diagonal = edge_of_stability(dim)
    before = leading_eigenpairs(lambda v: diagonal * v, dim, k, dtype=torch.float64)
    operator = nudged(diagonal, size, seed=1)
    cold = leading_eigenpairs(operator, dim, k, dtype=torch.float64)
    warm = leading_eigenpairs(operator, dim, k, start=before.subspace)
    assert cold.converged and warm.converged
    assert factor * warm.matvecs <= cold.matvecs
    exact = np.linalg.eigvalsh(torch.stack([operator(e) for e in torch.eye(dim).double()]))
    for found in (cold, warm):
        error = np.abs(found.values.numpy() - exact[::-1][:k]).max()
        assert error <= float(torch.linalg.vector_norm(found.residuals))


@pytest.mark.parametrize("k", [1, 3])
def test_a_warm_start_follows_crossings_while_the_operator_turns(k):
    dim = 1000
    diagonal = edge_of_stability(dim)
    found = leading_eigenpairs(lambda v: diagonal * v, dim, k, dtype=torch.float64)
    for call, level in enumerate(np.linspace(15.0, 25.0, 20)):
        diagonal[77] = level
        operator = nudged(diagonal, 0.1, seed=call)
        found = leading_eigenpairs(operator, dim, k, start=found.subspace)
        assert found.converged
    exact = np.linalg.eigvalsh(torch.stack([operator(e) for e in torch.eye(dim).double()]))
    error = np.abs(found.values.numpy() - exact[::-1][:k]).max()
    assert error <= float(torch.linalg.vector_norm(found.residuals))


@pytest.mark.parametrize("size", [0.1, 1.0])
def test_exploring_finds_what_a_loose_tolerance_would_overlook(size):
    dim, spent = 1000, []
    diagonal = edge_of_stability(dim)
    plain = found = leading_eigenpairs(lambda v: diagonal * v, dim, tol=1e-2, dtype=torch.float64)
    for call, level in enumerate(np.linspace(15.0, 25.0, 41)):
        diagonal[77] = level
        operator = nudged(diagonal, size, seed=call)
        plain = leading_eigenpairs(operator, dim, start=plain.subspace, tol=1e-2)
        found = leading_eigenpairs(operator, dim, start=found.subspace, tol=1e-2, explore=2)
        spent.append(found.matvecs)
        image = operator(found.vectors[:, 0].contiguous())
        residual = torch.linalg.vector_norm(image - found.values[0] * found.vectors[:, 0])
        assert float(residual) == pytest.approx(float(found.residuals[0]), rel=1e-8)
    exact = np.linalg.eigvalsh(torch.stack([operator(e) for e in torch.eye(dim).double()]))[-1]
    assert plain.converged and float(plain.values[0]) < 0.9 * exact
    assert found.converged and float(found.values[0]) == pytest.approx(exact, rel=5e-3)
    assert sum(spent) <= 5.5 * len(spent)


def test_single_precision_adds_up_half_a_million_terms():
    dim = 2**19
    normal = np.random.default_rng(0).standard_normal((dim, 2))
    normal[:, 0] = 1.0
    u, w = torch.from_numpy(np.linalg.qr(normal)[0]).unbind(1)

    def operator(v):
        v = v.double()
        return (10 * u * (u @ v) + 9 * w * (w @ v) + 0.1 * v).float()

    found = leading_eigenpairs(operator, dim, 2, tol=1e-4, dtype=torch.float32)
    assert torch.allclose(found.values, torch.tensor([10.1, 9.1]), rtol=2e-6, atol=0.0)
    norms = torch.linalg.vector_norm(found.vectors.double(), dim=0)
    assert torch.allclose(norms, torch.ones_like(norms), rtol=0.0, atol=1e-6)


def test_an_invariant_start_hides_a_rival_that_a_cold_start_finds():
    diagonal = edge_of_stability(1000)
    start = torch.eye(1000, dtype=torch.float64)[:, :5]
    diagonal[77] = 25.0
    warm = leading_eigenpairs(lambda v: diagonal * v, 1000, 3, start=start)
    cold = leading_eigenpairs(lambda v: diagonal * v, 1000, 3, dtype=torch.float64)
    assert float(warm.values[0]) == 20.0 and float(warm.residuals.max()) == 0.0
    assert float(cold.values[0]) == pytest.approx(25.0, abs=25e-6)
    guess = torch.zeros(1000, 1, dtype=torch.float64)
    guess[[77, 500]] = 1.0
    hinted = leading_eigenpairs(
        lambda v: diagonal * v, 1000, 3, start=torch.cat([start[:, :4], guess], 1)
    )
    assert torch.allclose(hinted.values, cold.values, rtol=0.0, atol=2 * 25e-6)


def test_stops_short_and_says_so():
    diagonal = edge_of_stability(2000)
    for budget in (3, 4, 12):
        calls = []
        found = leading_eigenpairs(
            lambda v, calls=calls: calls.append(1) or diagonal * v,
            2000,
            3,
            max_matvecs=budget,
            dtype=torch.float64,
        )
        assert not found.converged
        assert found.matvecs == len(calls) == budget
        assert found.vectors.shape == (2000, 3)
        image = diagonal[:, None] * found.vectors
        recomputed = torch.linalg.vector_norm(image - found.vectors * found.values, dim=0)
        assert torch.allclose(recomputed, found.residuals, rtol=1e-10, atol=0.0)
        assert float(recomputed.max()) > 1e-6 * 20


def test_resuming_from_the_subspace_goes_on_where_it_stopped():
    diagonal = edge_of_stability(2000)
    found = leading_eigenpairs(lambda v: diagonal * v, 2000, 3, max_matvecs=12, dtype=torch.float64)
    for _ in range(20):
        found = leading_eigenpairs(
            lambda v: diagonal * v, 2000, 3, max_matvecs=12, start=found.subspace
        )
    assert found.converged
    assert torch.allclose(found.values, diagonal[:3], rtol=0.0, atol=20e-6)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("good_products", [0, 10])
def test_a_product_that_is_not_finite_is_a_value_not_an_error(bad, good_products):
    diagonal = edge_of_stability(500)
    calls = []

    def operator(v):
        calls.append(1)
        product = diagonal * v
        if len(calls) > good_products:
            product[7] = bad
        return product

    found = leading_eigenpairs(operator, 500, 3, dtype=torch.float64)
    assert not found.converged
    assert found.matvecs == len(calls)
    assert bool(found.values.isnan().all() and found.residuals.isnan().all())
    assert found.vectors.shape == (500, 3) and bool(found.vectors.isnan().all())
    assert bool(found.subspace.isfinite().all())
    after = leading_eigenpairs(lambda v: diagonal * v, 500, 3, start=found.subspace)
    assert after.converged and torch.allclose(after.values, diagonal[:3], rtol=0.0, atol=20e-6)


def test_columns_of_the_start_that_are_not_finite_or_repeat_are_replaced():
    diagonal = edge_of_stability(500)
    start = torch.zeros(500, 4, dtype=torch.float64)
    start[0, 0] = start[0, 1] = 1.0
    start[3, 2] = torch.nan
    found = leading_eigenpairs(lambda v: diagonal * v, 500, 3, start=start)
    assert found.converged and torch.allclose(found.values, diagonal[:3], rtol=0.0, atol=20e-6)


def test_the_same_seed_gives_the_same_bits_and_leaves_the_global_generator_alone():
    diagonal = edge_of_stability(1000)
    state = torch.get_rng_state()
    runs = [
        leading_eigenpairs(lambda v: diagonal * v, 1000, 3, dtype=torch.float64, seed=seed)
        for seed in (5, 5, 6)
    ]
    assert torch.equal(torch.get_rng_state(), state)
    for one, two in zip(runs[0], runs[1], strict=True):
        assert torch.equal(torch.as_tensor(one), torch.as_tensor(two))
    assert not torch.equal(runs[0].vectors, runs[2].vectors)
    assert torch.allclose(runs[0].values, runs[2].values, rtol=0.0, atol=20e-6)


@pytest.mark.parametrize("unit", [1e-30, 1e30])
def test_units_do_not_matter(unit):
    diagonal = edge_of_stability(500).float()
    plain = leading_eigenpairs(lambda v: diagonal * v, 500, 3, dtype=torch.float32)
    scaled = leading_eigenpairs(lambda v: diagonal * unit * v, 500, 3, dtype=torch.float32)
    assert plain.converged and scaled.converged
    assert torch.allclose(scaled.values / unit, plain.values, rtol=0.0, atol=1e-4)
    assert bool((scaled.residuals > 0).all())


def test_a_product_in_a_buffer_that_is_reused_and_requires_grad_is_safe():
    diagonal = edge_of_stability(500)
    weight = torch.ones((), dtype=torch.float64, requires_grad=True)
    buffer = torch.empty(500, dtype=torch.float64)
    plain = leading_eigenpairs(lambda v: diagonal * v, 500, 2, dtype=torch.float64)
    reused = leading_eigenpairs(
        lambda v: torch.mul(diagonal, v, out=buffer), 500, 2, dtype=torch.float64
    )
    attached = leading_eigenpairs(lambda v: weight * diagonal * v, 500, 2, dtype=torch.float64)
    assert torch.equal(reused.values, plain.values)
    assert torch.equal(attached.values, plain.values) and not attached.subspace.requires_grad


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"k": 0}, "k is 0"),
        ({"k": -1}, "k is -1"),
        ({"k": 6}, "1 <= k <= dim = 5"),
        ({"guard": -1}, "guard is -1"),
        ({"k": 3, "max_matvecs": 2}, "max_matvecs is 2"),
        ({"dtype": torch.bfloat16}, "bfloat16"),
        ({"start": torch.zeros(5)}, "start has shape"),
        ({"start": torch.zeros(4, 1)}, "start has shape"),
        ({"matvec": lambda v: v[:, None]}, "matvec returned shape"),
    ],
)
def test_errors_name_what_to_change(arguments, words):
    with pytest.raises(ValueError, match=words):
        leading_eigenpairs(**({"matvec": lambda v: v, "dim": 5} | arguments))


@pytest.fixture(scope="module")
def network():
    """Return a tanh MLP's dense Hessian, its Hessian-vector product, and a diagonal P."""
    generator = torch.Generator().manual_seed(0)

    def draw(*shape):
        return torch.randn(*shape, dtype=torch.float64, generator=generator)

    inputs, targets, w = draw(40, 4), draw(40, 3), draw(4 * 8 + 8 + 8 * 3 + 3)

    def loss(w):
        w1, b1, w2, b2 = w.split([32, 8, 24, 3])
        hidden = torch.tanh(inputs @ w1.view(4, 8) + b1)
        return (hidden @ w2.view(8, 3) + b2 - targets).square().mean()

    point = w.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(point), point, create_graph=True)

    def hvp(v):
        return torch.autograd.grad(gradient, point, v, retain_graph=True)[0]

    p = torch.rand(len(w), dtype=torch.float64, generator=generator) + 0.01
    return torch.func.hessian(loss)(w), hvp, p


@pytest.mark.parametrize("k", [1, 4])
@pytest.mark.parametrize("preconditioned", [False, True])
def test_agrees_with_the_dense_hessian_of_a_network(network, preconditioned, k):
    hessian, hvp, p = network
    dim = len(p)
    operator = preconditioned_operator(hvp, lambda v: v / p.sqrt()) if preconditioned else hvp
    metric = np.diag(p.numpy()) if preconditioned else None
    # The eigenvalues of P^-1/2 H P^-1/2 are those of the generalised problem H u = lambda P u.
    exact, modes = scipy.linalg.eigh(hessian.numpy(), metric)
    exact, modes = exact[::-1], modes[:, ::-1]

    found = leading_eigenpairs(operator, dim, k, tol=1e-10, dtype=torch.float64)

    assert found.converged
    assert np.abs(found.values.numpy() - exact[:k]).max() <= 1e-10 * k * np.abs(exact).max()
    mode = found.vectors[:, 0] / (p.sqrt() if preconditioned else 1.0)
    cosine = abs(mode.numpy() @ modes[:, 0]) / np.linalg.norm(mode) / np.linalg.norm(modes[:, 0])
    assert cosine == pytest.approx(1.0, abs=1e-12)
