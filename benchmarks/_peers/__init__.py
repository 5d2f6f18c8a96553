"""What users would otherwise take: a module a peer, with what it computes of the table.

A peer is asked for a `Call`: an operation of a row of the table, made ready on given arrays.
"""

from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from importlib.util import find_spec

import numpy as np

#: The modules here by the package that they need.
MODULES = {
    "numpy": "numpy_idiom",
    "scipy": "scipy_special",
    "numexpr": "numexpr_formulas",
    "numba": "numba_formulas",
    "torch": "pytorch",
    "jax": "jax_nn",
    "onnxruntime": "onnx_runtime",
    "mkl": "mkl_vml",
}


@dataclass
class Call:
    """What is timed, as ``function(*inputs, **keywords)``; and what it computed."""

    function: object
    inputs: tuple
    keywords: dict = field(default_factory=dict)
    #: Arrays of what was returned; None if the call fills the outputs that it was given.
    returned: object = None

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

    @cached_property
    def ones(self):
        return np.ones_like(self.x)


class Peer:
    """A library. A subclass makes the calls of its operations, or None where it has none."""

    #: As tables call it, and its distribution.
    name = distribution = ""
    #: How it gives results if not into preallocated arrays.
    allocates = ""
    #: Whether a variable can keep it from instructions that the machine has.
    can_be_held = True

    def has_from_output(self, row):
        """Whether it has a backward kernel that starts from the output."""
        return False

    def call(self, row, suffix, operands):
        """The call of the operation of this suffix of a row of the table, or None."""
        prepare = {
            "": self.forward,
            "_derivative": self.derivative,
            "_with_derivative": self.with_derivative,
            "_backward": self.backward,
        }
        return prepare[suffix](row, operands) if suffix in prepare else None

    def forward(self, row, operands):
        return None

    def with_derivative(self, row, operands):
        return None

    def backward(self, row, operands):
        return None

    def derivative(self, row, operands):
        """By default the gradient of ones."""
        return self.backward(row, Operands(operands.x, operands.ones, operands.out))


def installed():
    """The peers that are installed, by name."""
    found = {}
    for package, module in MODULES.items():
        if package == "mkl" or find_spec(package):
            try:
                peer = import_module(f"_peers.{module}").PEER()
            except ImportError:
                continue
            found[peer.name] = peer
    return found
