"""oneMKL's vector mathematics, through its shared library: passes over whole arrays.

Accuracy LA, 4 ulp at most like fastact's promise; the default, HA, is dearer. Subnormals are kept.
"""

import ctypes
import os
from importlib import metadata

import numpy as np
from _measure import cpu_model

from . import Call, Peer

LA, KEEP_SUBNORMALS, IGNORE_ERRORS = 0x1, 0x140000, 0x100
MODE = ctypes.c_int64(LA | KEEP_SUBNORMALS | IGNORE_ERRORS)


def linear(a, scale, shift, out):
    return "LinearFrac", a, a, scale, shift, 0, 1, out


def reciprocal(a, scale, shift, out):
    return "LinearFrac", a, a, 0, 1, scale, shift, out


def logistic(factor, out):
    return [linear("x", -factor, 0, out), ("Exp", out, out), reciprocal(out, 1, 1, out)]


#: Passes from x to y: the function, its inputs, scalars and output. And those from there to dy.
VALUES = {
    "relu": [("Fmax", "x", "zero", "y")],
    "sigmoid": logistic(1, "y"),
    "log_sigmoid": [
        linear("x", -1, 0, "y"),
        ("Exp", "y", "y"),
        ("Log1p", "y", "y"),
        linear("y", -1, 0, "y"),
    ],
    "tanh": [("Tanh", "x", "y")],
    "lecun_tanh": [linear("x", 2 / 3, 0, "y"), ("Tanh", "y", "y"), linear("y", 1.7159, 0, "y")],
    "tanh_shrink": [("Tanh", "x", "y"), ("Sub", "x", "y", "y")],
    "softsign": [("Abs", "x", "y"), ("LinearFrac", "x", "y", 1, 0, 1, 1, "y")],
    "softplus": [("Exp", "x", "y"), ("Log1p", "y", "y")],
    "gelu": [("CdfNorm", "x", "y"), ("Mul", "x", "y", "y")],
    "quick_gelu": [*logistic(1.702, "y"), ("Mul", "x", "y", "y")],
    "silu": [*logistic(1, "y"), ("Mul", "x", "y", "y")],
    "swish": [*logistic(1, "y"), ("Mul", "x", "y", "y")],
    "mish": [("Exp", "x", "y"), ("Log1p", "y", "y"), ("Tanh", "y", "y"), ("Mul", "x", "y", "y")],
}
SLOPES = {
    "sigmoid": [linear("y", -1, 1, "dy"), ("Mul", "y", "dy", "dy")],
    "log_sigmoid": logistic(-1, "dy"),
    "tanh": [("Sqr", "y", "dy"), linear("dy", -1, 1, "dy")],
    "softplus": logistic(1, "dy"),
}


class MKL(Peer):
    can_be_held = "Intel" in cpu_model()  # on other CPUs it does not heed the variable

    def __init__(self):
        found = next(file for file in metadata.files("mkl") if "mkl_rt" in file.name)
        # Without this it looks for a threading library, and dies where there is none.
        os.environ["MKL_THREADING_LAYER"] = "SEQUENTIAL"
        self.mkl = ctypes.CDLL(str(found.locate().resolve()))

    def call(self, row, suffix, operands):
        if suffix == "_backward_from_output" or row.name not in (SLOPES if suffix else VALUES):
            return None
        arrays = {"x": operands.x, "y": operands.out[0], "zero": np.zeros_like(operands.x)}
        passes = VALUES[row.name]
        if suffix != "":
            passes = passes + SLOPES[row.name]
            arrays["dy"] = operands.out[-1]
            if suffix != "_with_derivative":
                arrays["y"] = np.empty_like(operands.x)
        if suffix == "_backward":
            arrays["grad"] = operands.grad
            passes = [*passes, ("Mul", "grad", "dy", "dy")]
        calls = [self._prepared(name, inputs, arrays) for name, *inputs in passes]
        if len(calls) == 1:
            return Call(*calls[0])

        def run():
            for function, inputs in calls:
                function(*inputs)

        run.arrays = arrays
        return Call(run, ())

    def _prepared(self, name, inputs, arrays):
        dtype = arrays["x"].dtype
        scalar = ctypes.c_float if dtype == np.float32 else ctypes.c_double
        function = getattr(self.mkl, f"vm{'s' if dtype == np.float32 else 'd'}{name}")
        function.restype = None
        converted = [
            arrays[a].ctypes.data_as(ctypes.c_void_p) if isinstance(a, str) else scalar(a)
            for a in inputs
        ]
        return function, (ctypes.c_int(arrays["x"].size), *converted, MODE)


PEER = MKL
