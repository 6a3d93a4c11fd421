# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
#   rodflow:
#     runs: [adam-mlp]
# ---

# %% [markdown]
# # Backward error analysis: with and without
#
# Promoting a difference equation to a differential equation is itself an approximation. Backward
# error analysis {cite:p}`hairer2006geometric` corrects for it, to the next order by
# $-\frac12\,DF\,F$ ({doc}`appendix F <appendix_f>`). The paper leaves the correction out and shows,
# in its Figure 5, that it makes no difference. Here is that comparison, with numbers: the same run
# twice, both flows with the correction and both without.

# %% tags=["parameters", "hide-input"]
preset = "quick"
optimizer = "adam"
architecture = "mlp"
figures = "build/figures"

# %% tags=["hide-input"]
from rodflow_book import notebook

notebook.check_parameters(globals(), "preset optimizer architecture figures")
notebook.one_thread()

# %%
without = notebook.recorded(optimizer, architecture, preset)
corrected = notebook.recorded(optimizer, architecture, preset, backward_error=True)

# %% tags=["remove-cell"]
from rodflow_book.figures import backward_error as plots
from rodflow_book.figures import files

files.save(
    "backward-error",
    lambda: plots.backward_error(without, corrected),
    plots.backward_error_numbers(without, corrected),
    figures,
    alt="Rod flow with and without the backward-error correction: sharpness over threshold, "
    "distance to the optimizer's centre and loss over optimizer steps; the curves lie together.",
    manifest=files.run_manifest([without, corrected]),
)

# %% [markdown]
# ```{figure} ../figures/backward-error.svg
# :name: fig-backward-error
# :alt: Rod flow with and without the backward-error correction: sharpness over threshold, distance to the optimizer's centre and loss over optimizer steps.
#
# The rod flow with the correction and without it, beside the optimizer and its stable flow.
# ```

# %% tags=["hide-input"]
from rodflow_core.experiments import claims

a, b = claims.assess(without), claims.assess(corrected)
notebook.show(
    f"Median distance of the rod flow's centre to the optimizer's: {a.rod.distance:.3g} without the "
    f"correction, {b.rod.distance:.3g} with it; of the stable flow's, {a.stable.distance:.3g} and "
    f"{b.stable.distance:.3g}. Median sharpness of the rod flow over the threshold: "
    f"{a.rod.sharpness:.4f} and {b.rod.sharpness:.4f}. What the correction changes in the rod flow's "
    f"distance is {abs(b.rod.distance - a.rod.distance) / a.stable.distance:.2%} of the distance "
    "that separates the stable flow from the optimizer."
)

# %% [markdown]
# The correction costs two Hessian-vector products a substep, about doubling it. At the edge of
# stability it is beside the point: the error that matters is not of the next order in the step size,
# it is the oscillation, of order one, and the rod carries that. The stable flow with the correction
# is still a flow that sees the landscape at a point.
