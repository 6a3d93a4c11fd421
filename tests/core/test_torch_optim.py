"""The discrete steps, against torch.optim and against ten lines of numpy each."""

import numpy as np
import pytest
import torch
from toolkit import Network, iterate, make, random

from rodflow_core.landscapes import Quadratic
from rodflow_core.optimizers import OPTIMIZERS, Dozat, NoSecondMoment, State, UpdateRule, make_rule

STEPS = 200
SMALL = 3e-4
"""A rate below the edge of stability: beyond it, roundings grow and no two paths agree."""


class Problem:
    """An objective of ours, and the same loss for torch.optim to walk down by itself."""

    def __init__(self, kind):
        if kind == "quadratic":
            hessian = random(0, 4, 4)
            hessian = hessian @ hessian.T
            self.objective, self.start = Quadratic(hessian), random(1, 4)
            self.loss = lambda w: 0.5 * w @ hessian @ w
        else:
            network = Network(n=60)
            self.objective, self.start = network.objective(), network.weights()
            self.loss = network.loss

    def torch_path(self, optimizer, **options):
        """The parameters after 0, 1, ... steps of a torch optimizer."""
        w = self.start.clone().requires_grad_()
        walker, path = optimizer([w], **options), [self.start]
        for _ in range(STEPS):
            walker.zero_grad()
            self.loss(w).backward()
            walker.step()
            path.append(w.detach().clone())
        return torch.stack(path)

    def numpy_gradient(self, w):
        return torch.func.grad(self.loss)(torch.from_numpy(w)).numpy()

    def path(self, rule, state=None):
        state = rule.initial_state(self.start) if state is None else state
        states = iterate(rule, self.objective, state, STEPS)
        return torch.stack([s.z for s in states])


@pytest.fixture(scope="module", params=["quadratic", "network"])
def problem(request):
    return Problem(request.param)


def assert_same_path(ours, theirs):
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-10)
    assert np.linalg.norm(np.asarray(theirs[-1] - theirs[0])) > 1e-2


@pytest.mark.parametrize(("beta2", "epsilon"), [(0.99, 1e-8), (0.9, 1e-3)])
def test_rmsprop_equals_torch(problem, beta2, epsilon):
    rule = make_rule("rmsprop", SMALL, beta2=beta2, epsilon=epsilon)
    theirs = problem.torch_path(torch.optim.RMSprop, lr=SMALL, alpha=beta2, eps=epsilon)
    assert_same_path(problem.path(rule), theirs)


@pytest.mark.parametrize(("betas", "epsilon"), [((0.9, 0.999), 1e-8), ((0.5, 0.9), 1e-3)])
def test_adam_equals_torch(problem, betas, epsilon):
    rule = make_rule("adam", SMALL, beta1=betas[0], beta2=betas[1], epsilon=epsilon)
    theirs = problem.torch_path(torch.optim.Adam, lr=SMALL, betas=betas, eps=epsilon)
    assert_same_path(rule.split(problem.path(rule))[0], theirs)


def test_gradient_descent_equals_torch(problem):
    theirs = problem.torch_path(torch.optim.SGD, lr=0.02)
    assert_same_path(problem.path(make_rule("gd", 0.02)), theirs)


@pytest.mark.parametrize("beta", [0.5, 0.9])
def test_heavy_ball_equals_torch(problem, beta):
    """torch does not damp its first step: there m_1 = g_0, which a start at m_0 = g_0 gives."""
    options = {"lr": 0.02, "momentum": beta, "dampening": beta}
    theirs = problem.torch_path(torch.optim.SGD, **options)
    rule = make_rule("heavy_ball", 0.02, beta1=beta)
    g = problem.objective.gradients(problem.start[None])[0]
    ours = problem.path(rule, State(torch.cat((problem.start, g)), None))
    assert_same_path(rule.split(ours)[0], theirs)


@pytest.mark.parametrize("beta", [0.5, 0.9])
def test_nesterov_equals_torch(problem, beta):
    """torch's is Dozat's form without the EMA, E.2.

    Its buffer is m / (1 - beta), its learning rate therefore (1 - beta) eta, and its weights are
    theta = w - eta beta m, the points at which ours takes the gradient.
    """
    options = {"lr": (1 - beta) * 0.02, "momentum": beta, "nesterov": True}
    theirs = problem.torch_path(torch.optim.SGD, **options)
    rule = make_rule("nesterov", 0.02, beta1=beta)
    assert_same_path(rule.gradient_point(problem.path(rule)), theirs)
    dozat = UpdateRule(0.02, Dozat(beta))
    assert_same_path(dozat.split(problem.path(dozat))[0], theirs)


def nadam(problem, beta1, beta2, epsilon, moment_factor):
    """(48), (202)-(204) with corrections; the momentum term's factor is left open."""
    w, path = problem.start.numpy(), [problem.start.numpy()]
    m, nu = np.zeros_like(w), np.zeros_like(w)
    for t in range(STEPS):
        g = problem.numpy_gradient(w)
        m, nu = beta1 * m + (1 - beta1) * g, beta2 * nu + (1 - beta2) * g**2
        p = np.sqrt(nu / (1 - beta2 ** (t + 1))) + epsilon
        step = (1 - beta1) * g / (1 - beta1 ** (t + 1)) + beta1 * m / moment_factor(t)
        w = w - SMALL * step / p
        path.append(w)
    return np.stack(path)


@pytest.fixture
def double_by_default():
    """torch's NAdam keeps the product of its schedule in the default dtype, not the weights'."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


@pytest.mark.parametrize(("beta1", "beta2", "epsilon"), [(0.9, 0.999, 1e-8), (0.5, 0.9, 1e-3)])
def test_nadam_equals_torch_but_for_one_factor(problem, double_by_default, beta1, beta2, epsilon):
    """torch divides the momentum term by 1 - beta1^(t+2), the paper by 1 - beta1^(t+1), (283).

    A huge ``momentum_decay`` makes torch's schedule of beta1 constant. One independent
    implementation equals torch with the one factor and ours with the other.
    """
    hyper = {"beta1": beta1, "beta2": beta2, "epsilon": epsilon}
    options = {"lr": SMALL, "betas": (beta1, beta2), "eps": epsilon, "momentum_decay": 1e12}
    theirs = problem.torch_path(torch.optim.NAdam, **options)
    assert_same_path(nadam(problem, **hyper, moment_factor=lambda t: 1 - beta1 ** (t + 2)), theirs)
    rule = make_rule("nadam", SMALL, **hyper)
    ours = rule.split(problem.path(rule))[0]
    paper = nadam(problem, **hyper, moment_factor=lambda t: 1 - beta1 ** (t + 1))
    assert_same_path(ours, paper)
    assert (ours - theirs).abs().max() > 0.1 * SMALL


# --- ten lines each, from the equations ----------------------------------------------------------


def gradient_descent(w, gradient):
    for _ in range(STEPS):
        w = w - 0.02 * gradient(w)  # (1)
        yield w


def nesterov(w, gradient):
    m = 0 * w
    for _ in range(STEPS):
        m = 0.8 * m + 0.2 * gradient(w - 0.02 * 0.8 * m)  # (69), (70)
        w = w - 0.02 * m  # (71)
        yield w


def scalar_rmsprop(w, gradient):
    nu = 0.0
    for _ in range(STEPS):
        g = gradient(w)
        nu = 0.9 * nu + 0.1 * g @ g  # (24)
        w = w - SMALL / (np.sqrt(nu) + 1e-3) * g  # (25), (26)
        yield w


def scalar_adam(w, gradient):
    m, nu = 0 * w, 0.0
    for t in range(1, STEPS + 1):
        g = gradient(w)
        m, nu = 0.8 * m + 0.2 * g, 0.9 * nu + 0.1 * g @ g  # (35), (36)
        m_hat, nu_hat = m / (1 - 0.8**t), nu / (1 - 0.9**t)  # (38), (39)
        w = w - SMALL * m_hat / (np.sqrt(nu_hat) + 1e-3)  # (40)
        yield w


def scalar_nadam(w, gradient):
    m, nu = 0 * w, 0.0
    for t in range(1, STEPS + 1):
        g = gradient(w)
        m, nu = 0.8 * m + 0.2 * g, 0.9 * nu + 0.1 * g @ g
        ahead = (0.8 * m + 0.2 * g) / (1 - 0.8**t)  # (48)
        w = w - SMALL * ahead / (np.sqrt(nu / (1 - 0.9**t)) + 1e-3)
        yield w


@pytest.mark.parametrize(
    ("name", "by_hand"),
    [
        ("gd", gradient_descent),
        ("nesterov", nesterov),
        ("scalar_rmsprop", scalar_rmsprop),
        ("scalar_adam", scalar_adam),
        ("scalar_nadam", scalar_nadam),
    ],
)
def test_equals_ten_lines_of_numpy(problem, name, by_hand):
    rule = make(
        name,
        SMALL if OPTIMIZERS[name].second_moment is not NoSecondMoment else 0.02,
        0.8,
        0.9,
        1e-3,
    )
    start = problem.start.numpy()
    theirs = np.stack([start, *by_hand(start, problem.numpy_gradient)])
    assert_same_path(rule.split(problem.path(rule))[0], theirs)
