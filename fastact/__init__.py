"""Activation functions and their derivatives as fast NumPy ufuncs.

For each activation ``f`` of `fastact.activations`: ``f(x)``, ``f_derivative(x)``,
``f_with_derivative(x)``, ``f_backward(grad, x)`` and, where the output determines the
derivative, ``f_backward_from_output(grad, y)``. For those that follow a matrix product also
``bias_f(x, b)`` and ``bias_f_backward(grad, x, b)``, one pass with the bias before them.
"""

from fastact import backends, ufuncs  # noqa: F401 (pickle looks there)
from fastact._get import get
from fastact.activations import aliases, functions
from fastact.axiswise import ROW_FUNCTIONS
from fastact.channels import channel_functions

__version__ = "0.1.0"

#: The name of the backend whose functions these are.
backend = backends.default()

_bound = backends.load(backend)
_names = [name for name, _, _ in (*functions(), *channel_functions())] + [*ROW_FUNCTIONS]
_aliases = dict(aliases())
globals().update({name: getattr(_bound, name) for name in _names})
globals().update({alias: globals()[name] for alias, name in _aliases.items()})

__all__ = ["backend", "backends", "get", "get_include", *_names, *_aliases]


def get_include():
    """The folder for Cython's ``include_path``, in which ``fastact.scalar`` is found.

    Examples
    --------
    >>> from pathlib import Path
    >>> (Path(fastact.get_include()) / "fastact" / "scalar.pxd").name
    'scalar.pxd'
    """
    from pathlib import Path

    return str(Path(__file__).parents[1])


def __getattr__(name):  # what is imported when it is used
    if name in ("diagnostics", "elementary"):
        from importlib import import_module

        return import_module(f"fastact.{name}")
    if name == "threaded":
        from fastact.threads import threaded

        return threaded
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
