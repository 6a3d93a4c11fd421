"""What the tests of the core share: small problems, a numpy twin of the family, probes."""

import dataclasses
import functools
import re
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from hypothesis import HealthCheck, settings
from sklearn.datasets import load_digits
from torch import nn

from rodflow_core.integrators import moved
from rodflow_core.objective import ModuleObjective
from rodflow_core.optimizers import OPTIMIZERS, State, make_rule
from rodflow_core.simulate import iterate as iterate
from rodflow_core.theory import OPTIMIZER_MOMENTUM, UpdateWeights

NINE = tuple(OPTIMIZER_MOMENTUM)
"""The paper's, of Table 2; a tenth row of the package is none of them."""
LATE = 10**6
"""A step so late that both bias corrections are 1 to the last bit."""


def examples(n: int) -> settings:
    """Settings of a property test: the same ``n`` cases in every session, on any machine."""
    # A contract test is inherited by the nine rules and by those that a test defines.
    inherited = [HealthCheck.differing_executors, HealthCheck.too_slow]
    return settings(
        max_examples=n, deadline=None, derandomize=True, suppress_health_check=inherited
    )


def is_one_sentence(message: str) -> bool:
    """Whether an error's message is one sentence on one line, with its full stop."""
    return message.endswith(".") and "\n" not in message and not re.search(r"\. [A-Z]", message)


def cifar10_arrays(per_class: int = 3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Random images, each with its own content, and shuffled labels, ``per_class`` of each."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(10, dtype=np.uint8), per_class))
    return rng.integers(0, 256, (len(labels), 32, 32, 3), dtype=np.uint8), labels


def random(seed: int, *shape: int) -> torch.Tensor:
    """Standard normal numbers, float64."""
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape))


def vector(*values):
    return torch.tensor(values, dtype=torch.float64)


# --- rules ---------------------------------------------------------------------------------------


def make(name, learning_rate, beta1=0.5, beta2=0.9, epsilon=1e-8):
    """A row's rule, with those of the hyperparameters that it has; its own keep their defaults."""
    given = {"beta1": beta1, "beta2": beta2, "epsilon": epsilon}
    taken = {key: given[key] for key in OPTIMIZERS[name].hyperparameters if key in given}
    return make_rule(name, learning_rate, **taken)


def frozen(rule, nu):
    """The rule with its second moment held at ``nu``: what it follows is where it stands.

    With it the step on a quadratic is a linear map, and a preconditioned sharpness a number.
    """
    if nu is None:
        return rule
    kind = type(rule.second_moment)

    class Frozen(kind):
        def target(self, g, m):
            return nu.expand((*g.shape[:-1], *nu.shape))

    values = {f.name: getattr(rule.second_moment, f.name) for f in dataclasses.fields(kind)}
    return dataclasses.replace(rule, second_moment=Frozen(**values))


def some_nu(rule, d, seed=0, scale=1.0):
    """A second moment of the rule's own shape, between 0.3 and 1.3 times ``scale``; or None."""
    nu = rule.second_moment.initial(torch.zeros(d, dtype=torch.float64))
    if nu is None:
        return None
    drawn = np.random.default_rng(seed).uniform(0.3, 1.3, tuple(nu.shape))
    return scale * torch.from_numpy(np.asarray(drawn))


def some_state(rule, d, seed=0, scale=1.0):
    """A state of the rule with all moments at work."""
    size = d * (2 if rule.has_moment else 1)
    return State(scale * random(seed, size), some_nu(rule, d, seed))


def probed_weights(rule) -> UpdateWeights:
    """The weights (a, b, l) of ``w' = w - eta (a m + b g(w - eta l m))``, read off the code."""
    one, zero = torch.ones(1, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)
    a = rule.momentum.direction(one, zero).item() if rule.has_moment else 0.0
    b = rule.momentum.direction(zero, one).item()
    moved = rule.momentum.gradient_point(zero, one, rule.learning_rate).item()
    return UpdateWeights(a, b, -moved / rule.learning_rate)


def probe(function: Callable[[torch.Tensor], torch.Tensor], dim: int) -> np.ndarray:
    """The matrix of a linear map, column by column."""
    basis = torch.eye(dim, dtype=torch.float64)
    return torch.stack([function(e) for e in basis], dim=1).numpy()


def substep(flow, state, t, dt):
    """An Euler substep with the paper's counter, of any length, within the step from ``t``."""
    return moved(state, [(dt, flow.rate(state, t + 0.5))])


# --- the family once more, in numpy, from the equations -------------------------------------------


@dataclass(frozen=True)
class Twin:
    """A row of the family as the paper writes it: weights (a, b, l), second moment, correction.

    It knows nothing of the package; gradients are numpy functions of one point.
    """

    weights: Callable[[float], tuple[float, float, float]] | None = None
    second_moment: Callable | None = None
    corrected: bool = False
    learning_rate: float = 1.0
    beta1: float = 0.0
    beta2: float = 0.0
    epsilon: float = 0.0

    def split(self, z):
        return (z, 0 * z) if self.weights is None else np.split(z, 2)

    def evaluate(self, z, gradient):
        """Gradient at (22), and what the second moment follows."""
        w, m = self.split(z)
        look = self.weights(self.beta1)[2] if self.weights else 0.0
        g = gradient(w - self.learning_rate * look * m)
        return g, self.second_moment(g, m) if self.second_moment else None

    def displacement(self, z, g, nu, t):
        """F of (15), (42), (206), corrected by (278)-(284)."""
        c1 = 1 - self.beta1 ** (t + 1) if self.corrected else 1
        c2 = 1 - self.beta2 ** (t + 1) if self.corrected else 1
        p = 1.0 if nu is None else np.sqrt(nu / c2) + self.epsilon
        if self.weights is None:
            return -self.learning_rate * g / p
        (_, m), (a, b, _) = self.split(z), self.weights(self.beta1)
        step = -self.learning_rate * (a * m + b * g) / (c1 * p)
        return np.concatenate((step, (1 - self.beta1) * (g - m)))

    def step(self, z, nu, gradient, t):
        """The discrete step: the second moment first, (26)."""
        g, target = self.evaluate(z, gradient)
        nu = None if nu is None else self.beta2 * nu + (1 - self.beta2) * target
        return z + self.displacement(z, g, nu, t), nu

    def stable_rate(self, z, nu, gradient, t):
        """The stable flow, (285) and its like."""
        g, target = self.evaluate(z, gradient)
        dnu = None if nu is None else (1 - self.beta2) * (target - nu)
        return self.displacement(z, g, nu, t), dnu

    def rod_rate(self, z, nu, sigma, gradient, t):
        """The rod flow on a dense extent: (6)-(7), (18)-(20), (28)-(30), (43)-(46)."""
        values, vectors = np.linalg.eigh(sigma)
        half = np.sqrt(max(values[-1], 0.0)) * vectors[:, -1]
        g, targets = zip(*(self.evaluate(z + s * half, gradient) for s in (1, -1)), strict=True)
        f_plus = self.displacement(z + half, g[0], nu, t)
        f_minus = self.displacement(z - half, g[1], nu, t)
        drive = np.outer(f_plus, f_plus) + np.outer(f_minus, f_minus)
        dnu = None if nu is None else (1 - self.beta2) * (sum(targets) / 2 - nu)
        return (f_plus + f_minus) / 2, dnu, -2 * sigma + drive / 4


def heavy_ball_weights(beta):
    return beta, 1 - beta, 0.0


def dozat_weights(beta):
    return beta**2, 1 - beta**2, 0.0


def squared_norm(g, m):
    return (g**2).sum()


def squares(g, m):
    return g**2


TWINS = {
    "gd": Twin(),
    "heavy_ball": Twin(heavy_ball_weights),
    "nesterov": Twin(lambda beta: (beta, 1 - beta, beta)),
    "scalar_rmsprop": Twin(None, squared_norm),
    "rmsprop": Twin(None, squares),
    "scalar_adam": Twin(heavy_ball_weights, squared_norm, True),
    "adam": Twin(heavy_ball_weights, squares, True),
    "scalar_nadam": Twin(dozat_weights, squared_norm, True),
    "nadam": Twin(dozat_weights, squares, True),
}


def twin_of(name, rule) -> Twin:
    """The numpy twin with a rule's hyperparameters."""
    second = rule.second_moment
    return dataclasses.replace(
        TWINS[name],
        learning_rate=rule.learning_rate,
        beta1=rule.momentum.beta,
        beta2=second.beta2,
        epsilon=getattr(second, "epsilon", 0.0),
    )


# --- objectives ----------------------------------------------------------------------------------


class Valley:
    """A smooth bowl in two dimensions, neither quadratic nor separable, by hand."""

    dim = 2

    def value(self, w):
        x, y = w
        return 0.5 * x**2 + 0.25 * y**2 + 0.3 * x**2 * y + 0.1 * x**4 + 0.05 * y**4

    def gradients(self, points):
        return torch.stack(self._gradient(*points.unbind(-1)), dim=-1)

    def hvp(self, w):
        x, y = w
        rows = ((1 + 0.6 * y + 1.2 * x**2, 0.6 * x), (0.6 * x, 0.5 + 0.6 * y**2))
        hessian = torch.stack([torch.stack(row) for row in rows])
        return lambda v: hessian @ v

    def numpy_gradient(self, w):
        return np.array(self._gradient(*w))

    @staticmethod
    def _gradient(x, y):
        return x + 0.6 * x * y + 0.4 * x**3, 0.5 * y + 0.3 * x**2 + 0.2 * y**3


@functools.cache
def digits(n: int, pooled: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
    """The first digits: standardised ``(n, 64)``, or pooled to ``(n, 16)``; one-hot targets."""
    data = load_digits()
    images = torch.from_numpy(data.images[:n])
    if pooled:
        images = nn.functional.avg_pool2d(images.unsqueeze(1), 2).squeeze(1)
    inputs = images.flatten(1)
    inputs = (inputs - inputs.mean()) / inputs.std()
    return inputs, nn.functional.one_hot(torch.from_numpy(data.target[:n]), 10).double()


@dataclass
class Network:
    """A tanh network on digits, and its loss written out by hand for autograd to differentiate."""

    n: int = 40
    hidden: int = 4
    pooled: bool = True
    seed: int = 0
    module: nn.Module = field(init=False)

    def __post_init__(self):
        self.inputs, self.targets = digits(self.n, self.pooled)
        with torch.random.fork_rng():
            torch.manual_seed(self.seed)
            layers = nn.Linear(self.inputs.shape[1], self.hidden), nn.Linear(self.hidden, 10)
        self.module = nn.Sequential(layers[0], nn.Tanh(), layers[1]).double()

    def objective(self, **options) -> ModuleObjective:
        return ModuleObjective(self.module, (self.inputs, self.targets), **options)

    def weights(self, seed=None, scale=0.5) -> torch.Tensor:
        """The module's own weights, or random ones."""
        own = torch.cat([p.detach().flatten() for p in self.module.parameters()])
        return own if seed is None else scale * random(seed, len(own))

    def outputs(self, w):
        d, h = self.inputs.shape[1], self.hidden
        first, bias, second, last = w.split([d * h, h, h * 10, 10])
        return (self.inputs @ first.view(h, d).T + bias).tanh() @ second.view(10, h).T + last

    def loss(self, w):
        """Mean over examples of half the squared distance to the target."""
        return ((self.outputs(w) - self.targets) ** 2).sum() / (2 * self.n)

    def cross_entropy(self, w):
        labels = self.targets.argmax(1)
        return nn.functional.cross_entropy(self.outputs(w), labels)
