"""Parameters of notebooks: what each may be, read and checked before anything is computed."""

from __future__ import annotations

from collections.abc import MutableMapping
from types import ModuleType, TracebackType

from IPython import get_ipython
from IPython.core.interactiveshell import InteractiveShell

from rodflow_core.experiments.config import ARCHITECTURES, FIELDS
from rodflow_core.experiments.parameters import Parameter, check, folder, one_of, several
from rodflow_core.experiments.presets import PRESETS
from rodflow_core.integrators import make_integrator
from rodflow_core.optimizers import OPTIMIZERS

# Names in a notebook that are no parameters: its own, and the schema's.
_INTERACTIVE = {"In", "Out", "exit", "quit", "open", "get_ipython", "FIELDS"}


def integrator() -> Parameter:
    """Give the name of an integrator."""

    def read(value: object) -> object:
        make_integrator(value)  # type: ignore[arg-type]
        return value

    return Parameter("euler:K, rk4, rkc2:STEPS or adaptive:ERROR", read)


_RUN_FIELDS = (
    "learning_rate", "beta1", "beta2", "epsilon", "rank", "substeps", "integrator", "warmup",
    "steps", "seed", "dtype", "device", "data", "data_path", "examples",
)  # fmt: skip
RUN_PARAMETERS: dict[str, Parameter] = {
    name: (integrator() if name == "integrator" else FIELDS[name]).or_none() for name in _RUN_FIELDS
}
"""Parameters of an optimizer's chapter that change its runs; ``None`` leaves the preset's."""


SHARED: dict[str, Parameter] = {
    "preset": one_of(PRESETS),
    "optimizer": one_of(OPTIMIZERS),
    "optimizers": several(one_of(OPTIMIZERS)),
    "architecture": one_of(ARCHITECTURES),
    "architectures": several(one_of(ARCHITECTURES)),
    "figures": folder(),
}
"""Parameters that notebooks have in common."""


CHOSEN: dict[str, object] = {}
"""A page's own parameters, as they were read: what is false of others says with which."""


def check_parameters(
    namespace: MutableMapping[str, object], shared: str = "", **own: Parameter
) -> None:
    """Read a notebook's parameters, or stop it before it computes anything.

    Call it in the first cell after the parameters, before anything else is defined. A list may
    have been given as a text, as papermill's ``-p`` does; it is a list afterwards. Papermill itself
    only warns of a parameter that there is not.

    Args:
        namespace: the notebook's ``globals()``; the values as read are put there.
        shared: names of parameters of `SHARED`, separated by blanks.
        **own: its other parameters.

    Raises:
        ValueError: in one sentence, for all values that are not what is expected and all names
            that are not known.
    """
    given = {}
    for name, value in namespace.items():
        hidden = name.startswith("_") or name in _INTERACTIVE
        # A parameter is a plain value; what has been imported is not.
        if not hidden and not isinstance(value, ModuleType | Parameter) and not callable(value):
            given[name] = value
    known = {name: SHARED[name] for name in shared.split()} | own
    values = check(known, given, "notebook parameter")
    namespace.update(values)
    CHOSEN.update({name: values[name] for name in own if name in values})
    if CHOSEN and (shell := get_ipython()):
        shell.set_custom_exc((AssertionError,), _show)


def with_parameters() -> str:
    """Name the page's parameters: much holds near a limit, as those of the page are."""
    if not CHOSEN:
        return ""
    chosen = ", ".join(f"{name} = {value!r}" for name, value in CHOSEN.items())
    return f", as the page has it nearer to its own parameters; these were {chosen}"


def _show(
    shell: InteractiveShell,
    kind: type[AssertionError],
    error: AssertionError,
    trace: TracebackType,
    tb_offset: int | None = None,
) -> None:
    """Show an assertion of a page that fails; its last line names the page's parameters."""
    words = str(error).strip().partition("\n")[0].rstrip(".:")
    if not words.endswith(with_parameters()):
        of_it = f" ({words})" if words else ""
        error.args = (f"what the page says here does not hold{of_it}{with_parameters()}.",)
    shell.showtraceback((kind, error, trace), tb_offset=tb_offset)
