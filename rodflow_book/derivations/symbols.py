"""The symbols that all derivations share, with the signs that they have in the paper."""

from __future__ import annotations

import sympy as sp

eta, S, kappa, beta = sp.symbols("eta S kappa beta", positive=True)
"""Learning rate, sharpness at the minimum, quartic coefficient, momentum coefficient."""

w, m = sp.symbols("w m", real=True)
"""Weight and first moment."""

delta, mu = sp.symbols("delta mu", real=True)
"""Half-differences of weight and first moment."""

lam, sigma = sp.symbols("lambda sigma")
"""Eigenvalues: of a matrix of the optimizer, of a perturbation of the flow."""
