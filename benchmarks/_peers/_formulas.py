"""The textbook's formulas, for the peers that know only arithmetic and elementary functions.

Values are the table's; here are the derivatives, as one writes them: over x and the output y,
where they lose digits too. Parameters have their typical values.
"""

import ast
import math
from types import MappingProxyType

DERIVATIVES = {
    "identity": "1",
    "relu": "1 if x > 0 else 0",
    "relu6": "1 if (x > 0) & (x < 6) else 0",
    "leaky_relu": "1 if x > 0 else negative_slope",
    "prelu": "1 if x > 0 else weight",
    "threshold": "1 if x > threshold else 0",
    "elu": "1 if x > 0 else y + alpha",
    "selu": "1.0507009873554805 if x > 0 else y + 1.0507009873554805 * 1.6732632423543772",
    "celu": "1 if x > 0 else y / alpha + 1",
    "sigmoid": "y * (1 - y)",
    "log_sigmoid": "1 / (1 + exp(x))",
    "hard_sigmoid": "1 / 6 if abs(x) < 3 else 0",
    "tanh": "1 - y * y",
    "lecun_tanh": "2 / 3 * 1.7159 - 2 / 3 / 1.7159 * (y * y)",
    "hard_tanh": "1 if (x > min_val) & (x < max_val) else 0",
    "tanh_shrink": "(x - y) ** 2",
    "softsign": "1 / (1 + abs(x)) ** 2",
    "softplus": "1 / (1 + exp(-beta * x))",
    "squareplus": "(1 + x / sqrt(x * x + b)) / 2",
    "gelu": "erfc(-x / sqrt(2)) / 2 + x * exp(-x * x / 2) / sqrt(2 * pi)",
    "gelu_tanh": (
        "1 / (1 + exp(-2 * sqrt(2 / pi) * (x + 0.044715 * x**3)))"
        " + y * (1 - 1 / (1 + exp(-2 * sqrt(2 / pi) * (x + 0.044715 * x**3))))"
        " * (2 * sqrt(2 / pi) * (1 + 3 * 0.044715 * (x * x)))"
    ),
    "quick_gelu": "1.702 * y + (1 - 1.702 * y) / (1 + exp(-1.702 * x))",
    "silu": "y + (1 - y) / (1 + exp(-x))",
    "swish": "beta * y + (1 - beta * y) / (1 + exp(-beta * x))",
    "mish": "tanh(log1p(exp(x))) + x * (1 - tanh(log1p(exp(x))) ** 2) / (1 + exp(-x))",
    "hard_swish": "0 if x <= -3 else 1 if x >= 3 else x / 3 + 0.5",
    "soft_shrink": "1 if abs(x) > lambd else 0",
    "hard_shrink": "1 if abs(x) > lambd else 0",
}


class _Simplify(ast.NodeTransformer):
    """Typical values for parameters, folded constants, no product with 1, no cube by pow."""

    def __init__(self, row):
        self.constants = {p.name: p.typical for p in row.parameters} | {"pi": math.pi}

    def visit_Name(self, node):
        return ast.Constant(self.constants[node.id]) if node.id in self.constants else node

    def visit_UnaryOp(self, node):
        return self._folded(self.generic_visit(node))

    def visit_Call(self, node):
        node.args = [self.visit(argument) for argument in node.args]
        return self._folded(node) if node.func.id != "abs" else node

    def visit_BinOp(self, node):
        node = self._folded(self.generic_visit(node))
        if not isinstance(node, ast.BinOp):
            return node
        if isinstance(node.op, ast.Mult):
            return _product(node.left, node.right)
        if isinstance(node.op, ast.Div) and _is(node.right, 1):
            return node.left
        if isinstance(node.op, ast.Pow) and _is(node.right, 3):
            square = ast.BinOp(node.left, ast.Mult(), node.left)
            return ast.BinOp(square, ast.Mult(), node.left)
        return node

    def _folded(self, node):
        leaves = [n for n in ast.walk(node) if isinstance(n, ast.Name)]
        if any(n.id not in vars(math) for n in leaves):
            return node
        return ast.Constant(eval(ast.unparse(node), vars(math)))


def _is(node, number):
    return isinstance(node, ast.Constant) and node.value == number


class Conditionals(ast.NodeTransformer):
    """``where(c, a, b)`` for ``a if c else b``, as arrays need it."""

    def visit_IfExp(self, node):
        node = self.generic_visit(node)
        return ast.Call(ast.Name("where", ast.Load()), [node.test, node.body, node.orelse], [])


class Bounds(ast.NodeTransformer):
    """Conditionals for min and max."""

    def visit_Call(self, node):
        node = self.generic_visit(node)
        if node.func.id in ("min", "max"):
            a, b = node.args
            order = ast.Lt() if node.func.id == "min" else ast.Gt()
            return ast.IfExp(ast.Compare(a, [order], [b]), a, b)
        return node


class Constants(ast.NodeTransformer):
    """Names for constants, so that they can have a dtype: `values` tells what they stand for."""

    def __init__(self):
        self.values = {}

    def visit_Constant(self, node):
        name = f"c{len(self.values)}"
        self.values[name] = node.value
        return ast.Name(name, ast.Load())


def _product(a, b):
    for factor, other in ((a, b), (b, a)):
        if _is(factor, 1):
            return other
        if _is(factor, -1):
            return ast.UnaryOp(ast.USub(), other)
    return ast.BinOp(a, ast.Mult(), b)


def trees(row, values=MappingProxyType({}), derivatives=MappingProxyType({})):
    """Syntax trees of value, derivative and gradient, with typical parameters.

    `values` and `derivatives` have forms that suit a peer better.
    """
    texts = values.get(row.name, row.formula), derivatives.get(row.name, DERIVATIVES[row.name])
    value, derivative = (_Simplify(row).visit(ast.parse(text, mode="eval").body) for text in texts)
    grad = ast.Name("grad", ast.Load())
    return value, derivative, _product(derivative, grad)


def uses(tree, *names):
    """Whether one of the names occurs."""
    return any(isinstance(node, ast.Name) and node.id in names for node in ast.walk(tree))


def function(tree, arguments, namespace):
    """The Python function of a syntax tree."""
    return eval(f"lambda {arguments}: {ast.unparse(tree)}", dict(namespace))
