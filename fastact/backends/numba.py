"""The activations compiled by Numba, each at its first call per dtype."""

import functools
import importlib.util
from importlib.metadata import version
from typing import TYPE_CHECKING

from fastact import channels
from fastact.backends._blockwise import public_functions
from fastact.backends._rowwise import row_functions

if TYPE_CHECKING:
    from fastact import *

#: The release that pyproject.toml asks for.
OLDEST = 0, 61

if importlib.util.find_spec("numba") is None:
    raise ImportError(
        "fastact: the Numba backend needs Numba, which `pip install fastact[numba]` installs"
    )
if tuple(map(int, version("numba").split(".")[:2])) < OLDEST:
    raise ImportError(
        f"fastact: the Numba backend needs Numba {'.'.join(map(str, OLDEST))} or newer, here is "
        f"{version('numba')}: pip install -U fastact[numba]"
    )


def at_first_call(module, maker, *function):
    """A loop of a module that imports Numba, which is not imported before the first call."""
    compiled = None

    def loop(*operands):
        nonlocal compiled
        if compiled is None:
            kernels = importlib.import_module(f"fastact.backends.{module}")
            compiled = getattr(kernels, maker)(*function)
        compiled(*operands)

    return loop


def maker(module, function):
    return functools.partial(at_first_call, module, function)


globals().update(public_functions(maker("_numba_kernels", "make_loop")))
globals().update(channels.public_functions(globals()))
globals().update(
    row_functions(maker("_numba_rows", "make_loop"), maker("_numba_rows", "make_gated_loop"))
)
