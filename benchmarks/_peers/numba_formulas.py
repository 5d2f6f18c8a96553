"""The textbook's formulas in Numba: loops over scalars, with math.exp and its like."""

import math
from copy import deepcopy
from functools import cache

import numba

from . import Call, Peer
from ._formulas import Bounds, Constants, function, trees

jit = numba.njit(error_model="numpy")


class Numba(Peer):
    def call(self, row, suffix, operands):
        if suffix == "_backward_from_output":
            return None
        x, grad, out = operands.x, operands.grad, operands.out
        return Call(loop(row, suffix, x.dtype), (x, grad, *out))


@cache
def loop(row, suffix, dtype):
    """The compiled loop of an operation."""
    value, derivative, backward = (scalar(tree, dtype) for tree in trees(row))
    slope = backward if suffix == "_backward" else derivative
    if suffix == "":

        @jit
        def run(x, grad, out):
            for i in range(x.size):
                out[i] = value(x[i])

    elif suffix == "_with_derivative":

        @jit
        def run(x, grad, out, slopes):
            for i in range(x.size):
                y = value(x[i])
                out[i] = y
                slopes[i] = slope(x[i], y, grad[i])

    else:

        @jit
        def run(x, grad, out):
            for i in range(x.size):
                out[i] = slope(x[i], value(x[i]), grad[i])

    return run


def scalar(tree, dtype):
    """The inlined function of a tree; its constants are of the dtype, or it were double."""
    constants = Constants()
    tree = constants.visit(Bounds().visit(deepcopy(tree)))
    namespace = vars(math) | {n: dtype.type(v) for n, v in constants.values.items()}
    return jit(function(tree, "x, y=0, grad=0", namespace))


PEER = Numba
