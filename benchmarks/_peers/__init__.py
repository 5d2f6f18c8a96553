"""What users would otherwise take: a module a peer, with what it computes of the table.

A peer is asked for a `Call`: an operation of a row of the table, made ready on given arrays.
"""

from dataclasses import dataclass, field
from importlib import import_module

import numpy as np
from _measure import timer, version

IDIOM = "NumPy idiom"
#: By the name that tables have: the module here, and the distributions that it needs.
PEERS = {
    IDIOM: ("numpy_idiom", ["numpy"]),
    "SciPy": ("scipy_special", ["scipy"]),
    "numexpr": ("numexpr_formulas", ["numexpr"]),
    "Numba": ("numba_formulas", ["numba"]),
    "PyTorch": ("pytorch", ["torch"]),
    "JAX": ("jax_nn", ["jax"]),
    "ONNX Runtime": ("onnx_runtime", ["onnxruntime", "onnx"]),
    "oneMKL VML": ("mkl_vml", ["mkl"]),
}


@dataclass
class Call:
    """What is timed, as ``function(*inputs, **keywords)``; and what it computed."""

    function: object
    inputs: tuple
    keywords: dict = field(default_factory=dict)
    #: Arrays of what was returned; None if the call fills the outputs that it was given.
    returned: object = None

    def timer(self):
        return timer(self.function, *self.inputs, **self.keywords)

    def results(self, out):
        """Call once and return the results, with `out` the outputs that were given."""
        for array in out:
            array.fill(np.nan)
        with np.errstate(all="ignore"):
            value = self.function(*self.inputs, **self.keywords)
        if self.returned is None:
            return out
        return tuple(np.asarray(a) for a in self.returned(value))


@dataclass
class Operands:
    """The arrays of a call: input, gradient, one output or two, all contiguous."""

    x: np.ndarray
    grad: np.ndarray
    out: tuple


class Peer:
    """A library, on one thread. A subclass makes the calls of what it has of the table."""

    #: What it cannot write into arrays that it is given.
    allocates = ""
    #: Whether a variable can keep it from instructions that the machine has.
    can_be_held = True

    def call(self, row, suffix, operands):
        """The call of the operation of this suffix of a row of the table; None if it has none."""
        raise NotImplementedError  # each peer has its own

    def has_from_output(self, row):
        """Whether it has a backward kernel that starts from the output."""
        return False

    def functions(self, row):
        """Value and derivative as functions of an array, parameters aside; None if it has none."""

        def prepare(suffix, x):
            out = np.empty_like(x)
            return self.call(row, suffix, Operands(x, x, (out,))), out

        def function(suffix):
            def evaluate(x, *parameters):
                call, out = prepare(suffix, x)
                return call.results((out,))[0]

            return evaluate

        if prepare("_derivative", np.zeros(1))[0] is None:
            return None
        return function(""), function("_derivative")


def available():
    """The names of the peers that are installed."""
    return [name for name, (_, needed) in PEERS.items() if all(map(version, needed))]


def load(names):
    """The peers of these names."""
    return {name: import_module(f"_peers.{PEERS[name][0]}").PEER() for name in names}
