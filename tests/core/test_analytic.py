"""The analytic landscapes, against autograd of their values."""

import pytest
import torch
from toolkit import Valley, is_one_sentence, random

from rodflow_core.landscapes import Linear, Quadratic, Quartic

SYMMETRIC = random(0, 3, 3) + random(0, 3, 3).T
POTENTIALS = {
    "linear": Linear(random(1, 3)),
    "quadratic": Quadratic(SYMMETRIC),
    "diagonal": Quadratic(random(2, 3)),
    "quartic": Quartic(random(3, 3), random(4, 3).abs()),
    "one kappa": Quartic(random(3, 3), torch.tensor(0.7, dtype=torch.float64)),
    "one dimension": Quartic(random(3, 1), random(4, 1).abs()),
    "the tests' own valley": Valley(),
}


@pytest.mark.parametrize("potential", POTENTIALS.values(), ids=POTENTIALS)
def test_gradients_and_products_are_derivatives_of_the_value(potential):
    points = random(5, 4, potential.dim)
    assert potential.value(points[0]).shape == ()
    expected = torch.stack([torch.func.grad(potential.value)(w) for w in points])
    torch.testing.assert_close(potential.gradients(points), expected, rtol=1e-13, atol=1e-13)
    for w in points:
        product = potential.hvp(w)
        hessian = torch.stack([product(e) for e in torch.eye(potential.dim, dtype=w.dtype)], 1)
        dense = torch.func.hessian(potential.value)(w)
        torch.testing.assert_close(hessian, dense, rtol=1e-13, atol=1e-13)


def test_gradients_of_the_linear_landscape_are_not_views_of_its_slope():
    potential = Linear(torch.ones(2))
    potential.gradients(torch.zeros(3, 2)).mul_(5)
    assert torch.equal(potential.slope, torch.ones(2))


@pytest.mark.parametrize(
    "build",
    [
        lambda: Quadratic(torch.ones(2, 3)),
        lambda: Quadratic(torch.tensor([[1.0, 2.0], [0.0, 1.0]])),
        lambda: Quadratic(torch.tensor(1.0)),
        lambda: Quadratic(torch.ones(2, 2, 2)),
        lambda: Quartic(torch.ones(2), torch.tensor([1.0, 0.0])),
        lambda: Quartic(torch.ones(2), torch.tensor(-1.0)),
        lambda: Quartic(torch.ones(2), torch.tensor(torch.nan)),
    ],
)
def test_bad_coefficients_are_refused_in_one_sentence(build):
    with pytest.raises(ValueError, match="expected") as caught:
        build()
    assert is_one_sentence(str(caught.value))
