"""The symbols that all derivations share, with the signs that they have in the paper."""

from __future__ import annotations

import sympy as sp

eta, S, kappa, beta = sp.symbols("eta S kappa beta", positive=True)
"""Learning rate, sharpness at the minimum, quartic coefficient, momentum coefficient."""

w, m = sp.symbols("w m", real=True)
"""Weight and first moment."""

delta, mu = sp.symbols("delta mu", real=True)
"""Half-differences of weight and first moment."""

Sigma = sp.Symbol("Sigma", positive=True)
"""Extent in one dimension, the squared half-displacement."""

g = sp.Symbol("g", real=True, nonzero=True)
"""Slope of the linear loss."""

nu, P = sp.symbols("nu P", positive=True)
"""Second moment; a preconditioner that is held fixed."""

beta1, beta2 = sp.symbols("beta_1 beta_2", positive=True)
"""Decay of the first and of the second moment, below 1."""

BETAS = {beta1: (0.02, 0.98), beta2: (0.05, 0.999)}
"""Where random values of both decays are drawn from."""

lam, sigma = sp.symbols("lambda sigma")
"""Eigenvalues: of a matrix of the optimizer, of a perturbation of the flow."""
