"""The activations compiled by Numba, each at its first call per dtype."""

import importlib.util

from fastact import channels
from fastact.backends._blockwise import public_functions

if importlib.util.find_spec("numba") is None:
    raise ImportError(
        "fastact: the Numba backend needs Numba, which `pip install fastact[numba]` installs"
    )


def make_loop(row, operation):
    """The loop of a `Blockwise`; Numba is not imported before the first call."""
    compiled = None

    def loop(*operands):
        nonlocal compiled
        if compiled is None:
            from fastact.backends import _numba_kernels

            compiled = _numba_kernels.make_loop(row, operation)
        compiled(*operands)

    return loop


globals().update(public_functions(make_loop))
globals().update(channels.public_functions(globals()))
