"""A module's loss as a function of one vector, against dense autograd and finite differences."""

import numpy as np
import pytest
import torch
from toolkit import Network, digits, is_one_sentence, random
from torch import nn

from rodflow_core.objective import ModuleObjective, cross_entropy, squared_error

# Sums in another order: a few roundings of numbers of order one.
ROUNDING = {"rtol": 1e-12, "atol": 1e-14}


@pytest.fixture(scope="module")
def network():
    return Network()


@pytest.fixture(scope="module")
def w(network):
    return network.weights(seed=1)


@pytest.fixture(scope="module")
def hessian(network, w):
    return torch.func.hessian(network.loss)(w)


@pytest.mark.parametrize("loss", ["mse", "cross_entropy"])
def test_value_gradient_and_hessian_equal_dense_autograd(network, w, loss):
    by_hand = {"mse": network.loss, "cross_entropy": network.cross_entropy}[loss]
    objective = network.objective(loss=loss)
    assert objective.dim == len(w) == len(network.weights())
    torch.testing.assert_close(objective.value(w), by_hand(w), **ROUNDING)
    gradient = torch.func.grad(by_hand)(w)
    torch.testing.assert_close(objective.gradients(w[None])[0], gradient, **ROUNDING)
    product = objective.hvp(w)
    columns = torch.stack([product(e) for e in torch.eye(len(w), dtype=w.dtype)], dim=1)
    torch.testing.assert_close(columns, torch.func.hessian(by_hand)(w), **ROUNDING)


def test_a_loss_of_ones_own(network, w):
    objective = network.objective(loss=lambda out, y: 3 * squared_error(out, y))
    torch.testing.assert_close(objective.value(w), 3 * network.loss(w), **ROUNDING)


def test_cross_entropy_takes_probabilities(network, w):
    soft = 0.9 * network.targets + 0.01
    expected = nn.functional.cross_entropy(network.outputs(w), soft, reduction="none")
    torch.testing.assert_close(cross_entropy(network.outputs(w), soft), expected, **ROUNDING)


def test_the_flat_vector_holds_the_modules_parameters_in_their_order(network):
    torch.testing.assert_close(
        network.objective().initial_weights(), network.weights(), rtol=0, atol=0
    )


def test_gradient_and_product_agree_with_central_differences(network, w):
    objective, h = network.objective(), 1e-4
    v = nn.functional.normalize(random(2, len(w)), dim=0)
    slope = (objective.value(w + h * v) - objective.value(w - h * v)) / (2 * h)
    assert abs(slope - objective.gradients(w[None])[0] @ v) < 1e-8
    ends = objective.gradients(torch.stack((w + h * v, w - h * v)))
    torch.testing.assert_close(
        (ends[0] - ends[1]) / (2 * h), objective.hvp(w)(v), rtol=0, atol=1e-7
    )


def test_central_differences_converge_at_second_order(network, w):
    objective, v = network.objective(), nn.functional.normalize(random(3, len(w)), dim=0)
    product, steps, errors = objective.hvp(w)(v), np.geomspace(1e-1, 1e-2, 5), []
    for h in steps:
        plus, minus = objective.gradients(torch.stack((w + h * v, w - h * v)))
        errors.append(float(((plus - minus) / (2 * h) - product).norm()))
    assert np.polyfit(np.log(steps), np.log(errors), 1)[0] == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize("stacked", [False, True])
@pytest.mark.parametrize("microbatch", [1, 7, 40, 1000])
def test_microbatches_equal_the_full_batch(network, w, microbatch, stacked):
    full, split = network.objective(), network.objective(microbatch=microbatch, stacked=stacked)
    points, v = torch.stack((w, 2 * w, -w)), random(4, len(w))
    torch.testing.assert_close(split.value(w), full.value(w), **ROUNDING)
    torch.testing.assert_close(split.gradients(points), full.gradients(points), **ROUNDING)
    product = split.hvp(w)
    torch.testing.assert_close(product(v), full.hvp(w)(v), **ROUNDING)
    torch.testing.assert_close(product(v), product(v), rtol=0, atol=0)


@pytest.mark.parametrize("k", [1, 2, 5])
def test_stacked_gradients_equal_looped_ones(network, k):
    points = 0.5 * random(5, k, len(network.weights()))
    looped = network.objective(stacked=False).gradients(points)
    assert looped.shape == points.shape
    torch.testing.assert_close(
        network.objective(stacked=True).gradients(points), looped, **ROUNDING
    )


def test_products_are_linear_symmetric_and_repeatable(network, w, hessian):
    product = network.objective().hvp(w)
    u, v = random(6, 2, len(w))
    torch.testing.assert_close(product(u), hessian @ u, **ROUNDING)
    first = product(v)
    torch.testing.assert_close(product(u + 3 * v), product(u) + 3 * first, **ROUNDING)
    assert float(u @ first) == pytest.approx(float(v @ product(u)), rel=1e-11)
    torch.testing.assert_close(product(v), first, rtol=0, atol=0)


def test_an_earlier_product_outlives_a_later_one(network, w):
    objective, v = network.objective(), random(7, len(w))
    here, there = objective.hvp(w), objective.hvp(2 * w)
    expected = network.objective().hvp(w)(v)
    there(v)
    torch.testing.assert_close(here(v), expected, rtol=0, atol=0)


def test_nothing_it_is_given_changes(network):
    module = nn.Sequential(
        nn.Linear(16, 5), nn.BatchNorm1d(5), nn.Tanh(), nn.Linear(5, 10)
    ).double()
    before = {key: value.clone() for key, value in module.state_dict().items()}
    objective = ModuleObjective(
        module,
        (network.inputs, network.targets),
        check=False,  # BatchNorm in training mode
    )
    w = objective.initial_weights()
    kept = w.clone()
    objective.value(w), objective.gradients(w[None]), objective.hvp(w)(w)
    assert torch.equal(w, kept) and not w.requires_grad
    assert all(torch.equal(value, before[key]) for key, value in module.state_dict().items())
    assert all(p.grad is None for p in module.parameters())


def test_results_carry_no_graph(network, w):
    objective = network.objective(stacked=True)
    results = objective.value(w), objective.gradients(torch.stack((w, w))), objective.hvp(w)(w)
    assert not any(r.requires_grad for r in results)


def test_a_parameter_without_effect_has_a_zero_gradient(network):
    class Idle(nn.Linear):
        def __init__(self):
            super().__init__(16, 10)
            self.idle = nn.Parameter(torch.ones(3))

    objective = ModuleObjective(Idle().double(), (network.inputs, network.targets))
    w = objective.initial_weights()
    idle = slice(170, 173) if objective._names[-1] == "idle" else slice(0, 3)
    points, v = torch.stack((w, w)), random(8, len(w))
    assert not objective.gradients(points)[:, idle].any()
    assert not objective.hvp(w)(v)[idle].any()


def test_a_loss_without_curvature_has_zero_products(network):
    objective = ModuleObjective(
        nn.Linear(16, 10).double(),
        (network.inputs, network.targets),
        lambda out, y: (out * y).sum(-1),
    )
    w = objective.initial_weights()
    assert objective.gradients(w[None]).any()
    assert not objective.hvp(w)(torch.ones_like(w)).any()


def test_dtype_follows_the_inputs():
    inputs, targets = (x.float() for x in digits(10, True))
    objective = ModuleObjective(nn.Linear(16, 10), (inputs, targets))
    w = objective.initial_weights()
    results = objective.value(w), objective.gradients(w[None]), objective.hvp(w)(w)
    assert {r.dtype for r in results} == {torch.float32}


@pytest.mark.parametrize(
    ("n", "m", "options", "says"),
    [
        (0, 0, {}, "empty"),
        (3, 2, {}, "3 inputs but 2 targets"),
        (3, 3, {"loss": "hinge"}, "'hinge'"),
        (3, 3, {"microbatch": 0}, "microbatch is 0"),
        (3, 3, {"microbatch": -1}, "microbatch is -1"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(n, m, options, says):
    with pytest.raises(ValueError, match=says) as caught:
        ModuleObjective(nn.Linear(4, 2), (torch.zeros(n, 4), torch.zeros(m, 2)), **options)
    assert is_one_sentence(str(caught.value))
