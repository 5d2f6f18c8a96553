"""The activations in plain NumPy: the fallback where no extension could be built."""

import numpy as np

from fastact import channels
from fastact.backends._blockwise import public_functions

# Design: a formula computes what the value and the derivative share and returns two
# functions, one for the rest of each; an operation calls those that it needs. float32 is
# computed in float64 and rounded once, except by the activations that do not round at all.

#: Elements in a block: its temporaries, of float64, stay in the second-level cache.
BLOCK = 16384

FORMULAS = {}


def formula(function):
    """Keep `function` as a formula: its name is to become the public function's."""
    FORMULAS[function.__name__] = function
    return function


def where(condition, a, b):
    """`np.where` on bits: its branch an element costs 7 ns where the signs are random."""
    dtype = np.result_type(a, b)
    integer = f"i{dtype.itemsize}"
    a, b = (np.asarray(choice, dtype).view(integer) for choice in (a, b))
    return (b ^ (a ^ b) & -condition.astype(integer)).view(dtype)


def step(x):
    """1 above 0 and 0 elsewhere; NaN at NaN."""
    return np.maximum(np.sign(x), 0)


def one(x):
    """1; NaN at NaN."""
    return where(x == x, 1, x)


def slopes(x, negative_slope):
    """1 above 0 and `negative_slope` elsewhere; NaN at NaN."""
    return where(x > 0, 1, where(x == x, negative_slope, x))


def lower_tail(a):
    """sigmoid(-a) for a >= 0, relatively exact."""
    e = np.exp(-a)
    # The roundings of the quotient reach the result times e: 1.7 ulp. Plain e / (1 + e): 2.5.
    return e - e * (e / (1 + e))


@formula
def identity(x):
    return lambda: x, lambda: one(x)


@formula
def relu(x):
    return lambda: np.maximum(x, 0), lambda: step(x)


@formula
def leaky_relu(x, negative_slope):
    return (
        # A slope of 0 is relu, at x = -inf too.
        lambda: where(x > 0, x, where(negative_slope == 0, step(x), negative_slope * x)),
        lambda: slopes(x, negative_slope),
    )


@formula
def sigmoid(x):
    t = lower_tail(np.abs(x))
    # |1 - t| above 0, |0 - t| elsewhere.
    return lambda: np.abs((x > 0) - t), lambda: t * (1 - t)


@formula
def tanh(x):
    def derivative():
        t = lower_tail(2 * np.abs(x))
        return 4 * t * (1 - t)

    return lambda: np.tanh(x), derivative


#: The derivative from the output.
FROM_OUTPUT = {
    "identity": one,
    "relu": step,
    "leaky_relu": lambda y, slope: where(slope >= 0, slopes(y, slope), np.nan),
    "sigmoid": lambda y: y * (1 - y),
    "tanh": lambda y: (1 - y) * (1 + y),
}


def make_loop(row, operation):
    """The loop of a `Blockwise`: an operation as a projection of the row's formula."""
    has_grad = operation.inputs[0] == "grad"
    nin = len(operation.inputs) + len(row.parameters)
    exact = row.max_ulp == (0, 0)

    if "y" in operation.inputs:
        derivative = FROM_OUTPUT[row.name]

        def results(*inputs):
            return [derivative(*inputs)]

    else:
        function = FORMULAS[row.name]
        parts = slice("f(x)" not in operation.outputs, 2 if operation.suffix else 1)

        def results(*inputs):
            return [part() for part in function(*inputs)[parts]]

    def loop(*operands):
        dtype = operands[-1].dtype
        with np.errstate(all="ignore"):
            for start in range(0, operands[-1].size, BLOCK):
                block = slice(start, start + BLOCK)
                blocks = [x[block] if x.ndim else x for x in operands]
                inputs, outputs = blocks[has_grad:nin], blocks[nin:]
                if not exact:
                    inputs = [x.astype(np.float64, copy=False) for x in inputs]
                values = results(*inputs)
                if has_grad:  # a product of two rounded factors, as f_derivative's caller has it
                    values = [blocks[0] * value.astype(dtype, copy=False) for value in values]
                for output, value in zip(outputs, values):
                    output[...] = value

    return loop


globals().update(public_functions(make_loop))
globals().update(channels.public_functions(globals()))
