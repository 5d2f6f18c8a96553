"""The textbook's formulas in NumPy at its best: a ufunc a step, each with its buffer.

That is what one writes without a library and with patience: as short an expression allocates at
each step, and takes up to twice as long.
"""

import ast

import numpy as np

from . import Call, Peer
from ._formulas import trees, uses

#: Where np.where would branch on each element (7 ns), what gives the same without.
VALUES = {
    "relu": "max(x, 0)",
    "leaky_relu": "max(x, negative_slope * x)",
    "prelu": "max(x, weight * x)",
    "elu": "max(x, 0) + alpha * expm1(min(x, 0))",
    "celu": "max(x, 0) + alpha * expm1(min(x, 0) / alpha)",
    "selu": (
        "1.0507009873554805 * max(x, 0)"
        " + 1.0507009873554805 * 1.6732632423543772 * expm1(min(x, 0))"
    ),
    "soft_shrink": "x - min(max(x, -lambd), lambd)",
    "hard_shrink": "x * (abs(x) > lambd)",
}
DERIVATIVES = {
    "celu": "min(y, 0) / alpha + 1",
    "selu": (
        "min(y, 0) + 1.0507009873554805 * 1.6732632423543772"
        " - 1.0507009873554805 * (1.6732632423543772 - 1) * (x > 0)"
    ),
    "hard_swish": "(abs(x) < 3) * (x / 3 + 0.5) + (x >= 3)",
}
UFUNCS = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
    ast.BitAnd: np.logical_and,
    ast.Gt: np.greater,
    ast.GtE: np.greater_equal,
    ast.Lt: np.less,
    ast.LtE: np.less_equal,
    "min": np.minimum,
    "max": np.maximum,
}
COMPARISONS = {np.greater, np.greater_equal, np.less, np.less_equal, np.logical_and}


def where(condition, a, b, out):
    """np.where with an output, which may be one of the inputs."""
    if out is a:
        np.copyto(out, b, where=np.logical_not(condition))
    else:
        np.copyto(out, b)
        np.copyto(out, a, where=condition)


def copy(a, out):
    np.copyto(out, a)


class Steps:
    """Trees as steps, each a function and its operands; what occurs twice is computed once.

    An operand is a constant, or a name: of an array or of an earlier step's result.
    """

    def __init__(self):
        self.steps, self.known = {}, {}

    def step(self, function, *operands):
        key = function, *operands
        if key not in self.known:
            self.known[key] = f"step {len(self.steps)}"
            self.steps[self.known[key]] = key
        return self.known[key]

    def is_used(self, name):
        return any(name in operands for operands in self.steps.values())

    def add(self, node):
        """The operand that a tree is."""
        match node:
            case ast.Constant():
                return float(node.value)
            case ast.Name():
                return self.known.get(node.id, node.id)
            case ast.UnaryOp():
                return self.step(np.negative, self.add(node.operand))
            case ast.BinOp(op=ast.Pow()):
                return self.step(np.square, self.add(node.left))
            case ast.BinOp():
                return self.step(UFUNCS[type(node.op)], self.add(node.left), self.add(node.right))
            case ast.Compare():
                operands = self.add(node.left), self.add(node.comparators[0])
                return self.step(UFUNCS[type(node.ops[0])], *operands)
            case ast.Call():
                name = node.func.id
                operands = [self.add(argument) for argument in node.args]
                return self.step(UFUNCS.get(name) or getattr(np, name), *operands)
            case ast.IfExp():
                condition = self.add(node.test)
                a, b = self.add(node.body), self.add(node.orelse)
                if not isinstance(a, float) or not isinstance(b, float):
                    return self.step(where, condition, a, b)
                if a - b != 1:
                    condition = self.step(np.multiply, condition, a - b)
                return condition if b == 0 else self.step(np.add, condition, b)
        # A new row's formula has what no other has: the step for it is to be added here.
        raise NotImplementedError(ast.dump(node))

    def bind(self, arrays, results):
        """Calls of the steps on `arrays`, with `results` given to the steps that make them.

        Other results go to buffers that are used again as soon as they can be.
        """
        last = {name: step for step, (_, *operands) in self.steps.items() for name in operands}
        arrays, x, free, bound = dict(arrays), arrays["x"], {True: [], False: []}, []
        for step, (function, *operands) in self.steps.items():
            # A float would be a double beside a mask.
            inputs = [
                x.dtype.type(operand) if isinstance(operand, float) else arrays[operand]
                for operand in operands
            ]
            for name in self.steps.keys() & operands - results.keys():
                if last[name] == step:
                    free[arrays[name].dtype == bool].append(arrays[name])
            is_mask = function in COMPARISONS
            if step in results:
                arrays[step] = results[step]
            elif free[is_mask]:
                arrays[step] = free[is_mask].pop()
            else:
                arrays[step] = np.empty(x.shape, bool if is_mask else x.dtype)
            bound.append((function, inputs, {"out": arrays[step]}))
        return bound


class NumPy(Peer):
    def call(self, row, suffix, operands):
        value, derivative, backward = trees(row, VALUES, DERIVATIVES)
        if suffix == "_backward_from_output" or uses(value, "erfc"):  # which NumPy has not
            return None
        steps = Steps()
        wanted = [backward if suffix == "_backward" else derivative]
        if suffix in ("", "_with_derivative") or uses(wanted[0], "y"):
            wanted = [value] if suffix == "" else [value, *wanted]
        results = {}
        outs = operands.out if len(wanted) == len(operands.out) else (None, *operands.out)
        for name, tree, out in zip(("y", "dy"), wanted, outs):
            operand = steps.add(tree)
            if out is not None:
                if operand not in steps.steps or steps.is_used(operand):
                    operand = steps.step(copy, operand)
                results[operand] = out
            steps.known[name] = operand
        bound = steps.bind({"x": operands.x, "grad": operands.grad}, results)
        if len(bound) == 1:
            return Call(*bound[0])

        def run():
            for function, inputs, out in bound:
                function(*inputs, **out)

        return Call(run, ())


PEER = NumPy
