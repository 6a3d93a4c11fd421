"""What stands under the figure of a run: what it was made with, and what it shows."""

from __future__ import annotations

import json
import re
from pathlib import Path

import xarray as xr

from rodflow_core.experiments import claims
from rodflow_core.experiments.records import configuration, flows

_FIGURE = re.compile(
    r"(?P<head>```\{figure\} \.\./figures/(?P<stem>[\w-]+)\.svg\n(?::[^\n]*\n)*\n)"
    r"(?P<caption>.*?)(?P<end>\n```)",
    re.DOTALL,
)


def says(run: xr.Dataset) -> str:
    """Give the caption's sentences on a run: the paper's rod against the stable flow, by our bar.

    Empty where a run has not both, or where nothing can be told of their sharpness.

    Args:
        run: a recorded run.
    """
    if not {"sf", "rod"} <= set(flows(run)):
        return ""
    claim, config = claims.assess(run), configuration(run)
    settings = {r"\eta": config.learning_rate, r"\beta_1": config.beta1, r"\beta_2": config.beta2}
    words = [f"$n={config.examples:,}$".replace(",", "{,}")] if config.problem is None else []
    words += [f"${name}={value:g}$" for name, value in settings.items() if value is not None]
    words += [f"{config.warmup:,} steps of warm-up"]
    if claim.rod.failed:
        found = "the rod flow could not go on to the end"
    else:
        found = (
            f"the rod flow stays {_times(claim.ratio)} closer to the optimizer than the stable flow"
        )
    every = config.spectrum_every
    sampled = f" Dots: the optimizer's sharpness, every {every} steps." if every > 1 else ""
    error = claim.rod.sharpness_error
    if error.typical == error.typical:
        found += f", its sharpness {off(error)}"
    bar = f"{claims.CLOSER:g} times closer, sharpness within {claims.WITHIN:.0%}"
    return (
        f"Over {run.sizes['step'] - 1:,} steps {found}. Our own bar ({bar}): "
        f"**{claim.verdict}**. {', '.join(words)}.{sampled}"
    )


def off(error: claims.Agreement) -> str:
    """Say how far off a quantity is: step by step or, where phases are lost, in distribution."""
    words = f"{100 * error.typical:.2g}% off"
    return words if error.pointwise else f"{words} in distribution (the phases are lost)"


def _times(ratio: float) -> str:
    return f"{ratio:.0f} times" if ratio >= 9.95 else f"{ratio:.1f} times"


def told(page: str, figures: Path) -> str:
    """Let the caption of each figure begin with what its manifest says was found.

    Args:
        page: Markdown, with figures as `../figures/<stem>.svg`.
        figures: folder of the manifests.
    """

    def caption(found: re.Match[str]) -> str:
        manifest = figures / f"{found['stem']}.json"
        says = ""
        if manifest.is_file():
            says = json.loads(manifest.read_text(encoding="utf-8")).get("says", "")
        caption = f"{says} {found['caption']}".strip()
        return f"{found['head']}{caption}{found['end']}"

    return _FIGURE.sub(caption, page)
