"""Elementary functions that a compiler vectorises, for loops under `numba.njit`, which has none.

`exp`, `expm1`, `log1p` and `erf` are called there as the activations are, on scalars and arrays;
elsewhere they behave as ufuncs. Both need Numba: ``pip install fastact[numba]``.
"""

from dataclasses import dataclass

from fastact.activations import Operation
from fastact.backends._blockwise import Blockwise
from fastact.backends.numba import maker  # ImportError, and what to install, without Numba


@dataclass(frozen=True)
class Elementary:
    """A function of one number; a row of `FUNCTIONS`."""

    name: str
    #: For mpmath, as in `fastact.activations`.
    formula: str
    #: Promised maximal error in ulp.
    max_ulp: int
    parameters = ()


VALUE = Operation("", ("x",), ("f(x)",), "the value")

FUNCTIONS = {
    row.name: row
    for row in (
        Elementary("exp", "exp(x)", 2),
        Elementary("expm1", "expm1(x)", 2),
        Elementary("log1p", "log1p(x)", 2),
        Elementary("erf", "erf(x)", 2),
    )
}

__all__ = [*FUNCTIONS]


def _ufunc(row):
    ufunc = Blockwise(
        row.name,
        f"{row.formula}, to {row.max_ulp} ulp, elementwise; the keywords are a `numpy.ufunc`'s.",
        1,
        1,
        maker("_numba_kernels", "make_loop")(row, VALUE),
    )
    ufunc.__module__ = __name__  # where pickle finds it
    return ufunc


globals().update({name: _ufunc(row) for name, row in FUNCTIONS.items()})
