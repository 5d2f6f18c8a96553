"""The textbook's formulas in numexpr, compiled beforehand, on one thread."""

import ast
from copy import deepcopy

import numexpr
import numpy as np

from . import Call, Peer
from ._formulas import Bounds, Conditionals, Constants, trees, uses


class NumExpr(Peer):
    def __init__(self):
        numexpr.set_num_threads(1)

    def call(self, row, suffix, operands):
        value, derivative, backward = trees(row)
        x, grad, out = operands.x, operands.grad, operands.out
        if suffix == "_backward_from_output" or uses(value, "erfc"):  # which it has not
            return None
        if suffix == "":
            return self._expression(value, {"x": x}, out[0])
        y = out[0] if suffix == "_with_derivative" else np.empty_like(x)
        slope = backward if suffix == "_backward" else derivative
        calls = [self._expression(slope, {"x": x, "y": y, "grad": grad}, out[-1])]
        if suffix == "_with_derivative" or uses(slope, "y"):
            calls.insert(0, self._expression(value, {"x": x}, y))
        if len(calls) == 1:
            return calls[0]

        def run():
            for call in calls:
                call.function(*call.inputs, **call.keywords)

        return Call(run, ())

    @staticmethod
    def _expression(tree, arrays, out):
        if isinstance(tree, ast.Constant):
            return Call(out.fill, (tree.value,))
        # A literal would make it compute in double precision.
        constants = Constants()
        tree = constants.visit(Conditionals().visit(Bounds().visit(deepcopy(tree))))
        arrays = {name: array for name, array in arrays.items() if uses(tree, name)}
        arrays |= {name: out.dtype.type(value) for name, value in constants.values.items()}
        kind = float if out.dtype == np.float32 else np.float64  # so it calls them
        compiled = numexpr.NumExpr(ast.unparse(tree), [(name, kind) for name in arrays])
        keywords = {"out": out, "casting": "same_kind", "ex_uses_vml": False}
        return Call(compiled, tuple(arrays.values()), keywords)


PEER = NumExpr
