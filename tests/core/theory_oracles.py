"""What the closed forms are compared with: the recurrences and the rod flow, written anew.

Nothing here imports the library.
"""

import numpy as np
from scipy.integrate import solve_ivp

KINDS = ("none", "heavy_ball", "nesterov", "dozat")
MOMENTA = KINDS[1:]


def step(kind, gradient, w, m, eta, beta):
    """One discrete step, written from (49), (57)-(58), (69)-(71), (211)-(212)."""
    if kind == "none":
        return w - eta * gradient(w), m
    g = gradient(w - eta * beta * m) if kind == "nesterov" else gradient(w)
    new = beta * m + (1 - beta) * g
    direction = beta * new + (1 - beta) * g if kind == "dozat" else new
    return w - eta * direction, new


def step_matrix(kind, sharpness, eta, beta):
    """I + A, column by column, from the step itself."""
    columns = [step(kind, lambda x: sharpness * x, *unit, eta, beta) for unit in ((1, 0), (0, 1))]
    full = np.array(columns, dtype=float).T
    return full[:1, :1] if kind == "none" else full


def custom_matrix(weights, sharpness, eta, beta):
    """I + A of w' = w - eta (a m + b g), g at w - eta l m."""
    columns = []
    for w, m in ((1.0, 0.0), (0.0, 1.0)):
        g = sharpness * (w - eta * weights.look_ahead * m)
        new_w = w - eta * (weights.moment * m + weights.gradient * g)
        columns.append((new_w, beta * m + (1 - beta) * g))
    return np.array(columns).T


def bisect(unstable, low, high):
    """Where a monotone predicate turns true, by bisection in the logarithm."""
    assert not unstable(low) and unstable(high)
    for _ in range(80):
        middle = np.sqrt(low * high)
        low, high = (low, middle) if unstable(middle) else (middle, high)
    return middle


def radius(a):
    return np.abs(np.linalg.eigvals(a)).max()


def rod_flow(kind, gradient, eta, beta, beta2=None):
    """Right-hand side in one dimension, (115)-(120), with (28) or (46); y = (w, m, S.., nu)."""
    dim = 1 if kind == "none" else 2

    def displacement(z, nu):
        # The preconditioner divides the learning rate; no rule that looks ahead has one.
        rate = eta if beta2 is None else eta / np.sqrt(nu)
        new_w, new_m = step(kind, gradient, z[0], z[-1] * (dim - 1), rate, beta)
        f = np.array([new_w - z[0], new_m - z[-1]])
        return f[:dim]

    def rhs(_, y):
        z, nu = y[:dim], y[-1]
        rows, columns = np.triu_indices(dim)
        sigma = np.zeros((dim, dim))
        sigma[rows, columns] = sigma[columns, rows] = y[dim : dim + len(rows)]
        values, vectors = np.linalg.eigh(sigma)
        rod = np.sqrt(max(values[-1], 0.0)) * vectors[:, -1]
        plus, minus = displacement(z + rod, nu), displacement(z - rod, nu)
        drive = (np.outer(plus, plus) + np.outer(minus, minus)) / 4
        out = [*(plus + minus) / 2, *(drive - 2 * sigma)[rows, columns]]
        if beta2 is not None:
            squares = gradient((z + rod)[0]) ** 2 + gradient((z - rod)[0]) ** 2
            out.append((1 - beta2) * (squares / 2 - nu))
        return np.array(out)

    return rhs


def packed(rod, centre=0.0):
    """State of ``rod_flow`` for a fixed point of the library."""
    extent = rod.extent
    dim = extent.shape[-1]
    tail = [] if rod.second_moment is None else [rod.second_moment]
    return np.array([*[centre] * dim, *extent[np.triu_indices(dim)], *tail], dtype=float)


def integrate(rhs, start, time):
    return solve_ivp(rhs, (0, time), start, method="LSODA", rtol=1e-10, atol=1e-13).y[:, -1]


def whole_linearisation(rhs, rod, h=3e-4):
    """Jacobian of the whole flow at a rod, by fourth-order central differences.

    In units of the rod's own lengths, so that the differences see every component alike; the
    spectrum does not depend on the units.
    """
    point = packed(rod)
    units = np.abs(point)
    lengths = np.sqrt(np.diagonal(rod.extent))
    units[: len(lengths)] = lengths
    columns = []
    for unit in np.eye(len(point)) * h:
        f = [rhs(0, point + k * unit * units) / units for k in (-2, -1, 1, 2)]
        columns.append((f[0] - 8 * f[1] + 8 * f[2] - f[3]) / (12 * h))
    return np.array(columns).T


def complex_step(function, point):
    """Exact derivative of an analytic map."""
    shifts = np.eye(len(point)) * 1e-30j
    return np.array([np.imag(function(np.asarray(point) + s)) / 1e-30 for s in shifts]).T


def same_spectrum(matrix, values, tolerance):
    """Whether a matrix has these eigenvalues, by its characteristic polynomial.

    Coefficients, unlike eigenvalues, are not ill-conditioned where two eigenvalues meet.
    """
    expected = np.real(np.poly(np.asarray(values)))
    found = np.real(np.poly(matrix))
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * np.abs(expected).max())


def quartic(sharpness, kappa):
    """Gradient of the quartic loss (138)."""
    return lambda x: sharpness * x - kappa * x**3
