"""Figures of appendix C.3: heavy ball's and Nesterov's rod on three losses in one dimension."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from rodflow_book.figures.marks import TAGS, TITLES, closed, edged, marked, parted
from rodflow_book.figures.style import WIDTH, colour, line
from rodflow_core.simulate import Array


def slope_and_valley_figure(
    slope: Mapping[str, Array], ratios: Array, rates: Mapping[str, Array]
) -> Figure:
    """Draw the extent on a linear loss over time, and the extent's rates on a quadratic.

    Args:
        slope: ``disc``, ``rod``: (T, 2) squared half-differences of weight and moment; ``target``.
        ratios: sharpness over threshold.
        rates: momentum -> real parts of the three eigenvalues of (131), (n, 3).
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDTH, 4.4))
    for column, words in enumerate((r"$\Sigma_{ww}$", r"$\Sigma_{mm}$")):
        look = {} if column == 0 else {"linestyle": ":"}
        for tag in ("disc", "rod"):
            name = f"{'heavy ball' if tag == 'disc' else 'rod flow'}: {words}"
            left.plot(slope[tag][:, column], **line(tag, label=name, **look))
    left.axhline(slope["target"][0], **closed(label=r"$\eta^2g^2/4$: (126)"))
    left.set(xlabel="optimizer step", yscale="log", ylim=(1e-9, None),
             title="linear loss: the rod is half a step")  # fmt: skip
    left.margins(x=0)
    left.legend(loc="lower center", bbox_to_anchor=(0.5, 1.08), ncols=2, fontsize=11.5)
    right.axhline(0, color=colour("ink"), linewidth=1)
    for name, values in rates.items():
        for number, row in enumerate(np.sort(values, axis=1).T):
            words = TITLES[name] if number == 2 else f"_{TITLES[name]}, rate {number + 1}"
            width = 2.8 if number == 2 else 1.3
            right.plot(ratios, row, color=colour(TAGS[name]), linewidth=width, label=words)
    marked(right, 1, r"$S_{\rm thr}$", y=0.2, side="right")
    right.set(xlabel="sharpness / threshold", ylim=(-2.6, 0.6), xlim=(ratios[0], ratios[-1]),
              title=r"quadratic: rates $-2+\frac{1}{2}{\rm Re}\,\lambda_i\lambda_j$")  # fmt: skip
    right.legend(loc="upper left", fontsize=13.5, bbox_to_anchor=(0, 0.8))
    return figure


def phase_figure(
    field: Callable[[Array, Array], tuple[Array, Array]],
    flows: Sequence[Array],
    iterates: Sequence[Array],
) -> Figure:
    """Draw the phase portrait of the rod on the quartic, in units of the fixed rod at (1, -1).

    Args:
        field: rate of (delta, mu) on the cone of rank one.
        flows: half-displacements of rod flows over time, (T, 2).
        iterates: states of the optimizer, (T, 2), the sign turned at every step.
    """
    figure, axis = plt.subplots(figsize=(WIDTH * 0.8, 6.4))
    grid = np.linspace(-1.75, 1.75, 42)
    stream = axis.streamplot(
        grid, grid, *field(*np.meshgrid(grid, grid)), density=1.15, linewidth=0.8, zorder=1,
        color=(*to_rgb(colour("ink")), 0.3),
    )  # fmt: skip
    stream.lines.set_label("_streamlines")
    axis.axline((0, 0), (1, -1), color=colour("other"), linewidth=1.2, linestyle=":", zorder=1)
    for number, points in enumerate(iterates):
        words = "heavy ball, sign turned at every step" if number == 0 else None
        axis.plot(*points.T, **edged("disc", markersize=7, zorder=4, label=words))
    for number, flow in enumerate(flows):
        words = r"rod flow: $(\delta,\mu)$" if number == 0 else None
        axis.plot(*flow.T, **line("rod", label=words, linewidth=2.8))
        axis.plot(*flow[0], "s", color=colour("rod"), markersize=9, zorder=7, label="_starts")
    look = {"color": colour("other"), "markersize": 14, "zorder": 8}
    axis.plot([1, -1], [-1, 1], "o", **look, label="fixed rod: (156), (157)")
    axis.plot(0, 0, "o", **look, markerfacecolor="none", markeredgewidth=2.2, label="no rod")
    axis.annotate("dies", flows[-1][0], (8, 6), textcoords="offset points", color=colour("rod"),
                  fontsize=14)  # fmt: skip
    axis.set(xlim=(-1.75, 1.75), ylim=(-1.75, 1.75), xlabel=r"$\delta\,/\,\delta_*$",
             ylabel=r"$\mu\,/\,(2\delta_*/\eta)$")  # fmt: skip
    axis.set_aspect("equal")
    figure.legend(loc="outside upper center", fontsize=13, ncols=2)
    return figure


def bifurcation_figure(panels: Mapping[str, Mapping[str, Array]]) -> Figure:
    """Draw settled amplitudes on the quartic against the sharpness, one panel per momentum.

    Args:
        panels: momentum -> ``ratios``, ``disc`` (late half-differences), ``flow_ratios``, ``rod``,
            ``form`` at ``form_ratios``, all in units of sqrt(S_thr / kappa).
    """
    figure, axes = plt.subplots(1, 2, figsize=(WIDTH, 4.8), sharey=True)
    for axis, (name, panel) in zip(axes, panels.items(), strict=True):
        x = np.broadcast_to(panel["ratios"], panel["disc"].shape)
        look = {"color": colour("disc"), "markeredgewidth": 0, "rasterized": True}
        late = parted(x.ravel(), panel["disc"].ravel())
        axis.plot(*late, "o", markersize=2.6, label="late iterates", **look)
        axis.plot(panel["form_ratios"], panel["form"], **closed(label="closed form"))
        axis.plot(
            panel["flow_ratios"], panel["rod"], **edged("rod", markersize=8.5, label="rod flow")
        )
        words = r"$\sqrt{(S-S_{\rm HB})/\kappa}$"
        if name == "nesterov":
            words = r"$\frac{1}{1+2\beta}\sqrt{(S-S_{\rm NAG})/\kappa}$"
        axis.text(0.82, 0.06, words, transform=axis.transAxes, fontsize=17, ha="right",
                  color=colour("other"))  # fmt: skip
        marked(axis, 1.5, "the centre\nlets go", y=0.3, side="right")
        axis.set(xlabel="sharpness at the minimum / threshold", title=TITLES[name])
        axis.margins(x=0)
    axes[0].set_ylabel(r"half-displacement / $\sqrt{S_{\rm thr}/\kappa}$")
    legend = axes[0].legend(loc="upper left", fontsize=13.5)
    legend.legend_handles[0].set_markersize(6)
    return figure


def cone_figure(off: Mapping[str, Array], on: Mapping[str, Array], sigma: complex) -> Figure:
    """Draw how perturbations of the fixed rod decay, off the cone of rank one and on it.

    Args:
        off: ``time``, ``rod`` (second eigenvalue over its start), ``form``.
        on: ``time``, ``rod``, ``form``: distance of the half-displacement from the fixed one,
            over its start; ``step``, ``disc``: that of the iterates.
        sigma: an eigenvalue of the on-cone perturbations.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDTH, 4.3), width_ratios=(1, 1.5))
    left.plot(off["time"], off["rod"], **line("rod"))
    left.plot(off["time"], off["form"], **closed(label=r"$e^{-2t}$: off the cone"))
    left.set_title("a second eigenvalue dies alone")
    right.plot(
        on["step"], on["disc"], **line("disc", label="heavy ball", linewidth=1.2, marker="o")
    )
    right.plot(on["time"], on["rod"], **line("rod"))
    right.plot(on["time"], on["form"], **closed(label=r"$e^{-(2I+J)t}\,\xi$: (167)"))
    envelope = np.exp(sigma.real * on["time"])
    right.plot(on["time"], envelope, color=colour("ink"), linewidth=1, linestyle=":",
               label=r"$e^{t\,{\rm Re}\,\sigma}$: (169)")  # fmt: skip
    right.set_title("on the cone: length and direction")
    for axis in (left, right):
        axis.set(yscale="log", xlabel="time / optimizer steps")
        axis.margins(x=0.01)
    left.legend(loc="upper right", fontsize=13)
    right.legend(loc="lower left", fontsize=13)
    left.set_ylabel("perturbation / its start")
    return figure
