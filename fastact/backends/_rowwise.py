"""A callable that behaves as a generalised ufunc over one axis, its loop a Python call."""

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from fastact._public import overrides
from fastact._rowwise import float_dtype, public_functions
from fastact.axiswise import ROW_FUNCTIONS, ROW_KERNELS
from fastact.backends._blockwise import Blockwise, delegate

# Design: everything is made a C-contiguous block of rows in one float, which copies what is not
# one; the results are moved back and cast. That is dear for short arrays, and simple.


class Rowwise:
    """A function of rows with the keywords of a generalised `numpy.ufunc`.

    `loop` is called with arrays of shape (rows, n), or (rows,) for operands of signature (),
    all float32 or all float64 but for integer labels; outputs come last.
    """

    def __init__(self, name, loop):
        self.__name__ = name
        self._loop = loop
        self.signature = ROW_KERNELS[name]
        inputs, outputs = self.signature.split("->")
        self._inputs = ["n" in core for core in inputs.split(",")]
        self._outputs = ["n" in core for core in outputs.split(",")]
        self.nin, self.nout = len(self._inputs), len(self._outputs)

    def __reduce__(self):
        return self.__name__

    def __call__(self, *inputs, axis=-1, out=None, dtype=None, keepdims=False):
        if overriding := [x for x in inputs if overrides(x)]:
            given = {"axis": axis, "out": out, "dtype": dtype, "keepdims": keepdims or None}
            keywords = {name: value for name, value in given.items() if value is not None}
            return delegate(self, overriding, inputs, keywords)
        arrays = [np.asarray(x) for x in inputs]
        asked = None if dtype is None else np.dtype(dtype)
        labels = [x for x in arrays if x.dtype == np.intp and self.__name__.startswith("label")]
        floats = [x for x in arrays if not any(x is label for label in labels)]
        dtype = np.result_type(*(float_dtype(self.__name__, x) for x in floats))
        if asked is not None:
            if asked.char not in "efd" or not np.can_cast(dtype, asked, "same_kind"):
                raise TypeError(f"{self.__name__}: dtype={asked} is no float to compute in")
            dtype = asked
        outs = out if isinstance(out, tuple) else (out,)
        outs += (None,) * (len(self._outputs) - len(outs))
        with np.errstate(all="ignore"):
            arrays = [
                x if any(x is label for label in labels) else x.astype(dtype, copy=False)
                for x in arrays
            ]
            results = self._evaluate(arrays, labels, axis, np.promote_types(dtype, np.float32))
            results = [self._place(*r, axis, keepdims, dtype) for r in zip(results, self._outputs)]
            results = tuple(self._deliver(*pair) for pair in zip(results, outs))
        return results if len(results) > 1 else results[0]

    def _evaluate(self, arrays, labels, axis, work):
        """The loop on blocks of rows; its outputs in the shapes of the broadcast operands."""
        moved = [
            np.moveaxis(x, normalize_axis_index(axis, x.ndim), -1) if has_row else x
            for x, has_row in zip(arrays, self._inputs)
        ]
        lengths = {x.shape[-1] for x, has_row in zip(moved, self._inputs) if has_row}
        if len(lengths) > 1:
            raise ValueError(f"{self.__name__}: the axis has the lengths {sorted(lengths)}")
        outer = np.broadcast_shapes(
            *(x.shape[: x.ndim - has_row] for x, has_row in zip(moved, self._inputs))
        )
        cores = {True: tuple(lengths), False: ()}
        rows = int(np.prod(outer, dtype=np.intp))
        operands = [
            np.ascontiguousarray(
                np.broadcast_to(x, outer + cores[has_row]),
                np.intp if any(array is label for label in labels) else work,
            ).reshape((rows, *cores[has_row]))
            for x, array, has_row in zip(moved, arrays, self._inputs)
        ]
        outputs = [np.empty((rows, *cores[has_row]), work) for has_row in self._outputs]
        self._loop(*operands, *outputs)
        return [o.reshape(outer + cores[has_row]) for o, has_row in zip(outputs, self._outputs)]

    def _place(self, result, has_row, axis, keepdims, dtype):
        """The result in the caller's dtype and order of axes."""
        result = result.astype(dtype, copy=False)
        if has_row:
            return np.moveaxis(result, -1, axis)
        return np.expand_dims(result, axis) if keepdims else result

    def _deliver(self, result, out):
        """The result itself, as a scalar if 0-d, or copied into `out`."""
        if out is None:
            return result[()]
        if not isinstance(out, np.ndarray):
            raise TypeError(f"{self.__name__}(): return arrays must be of ArrayType")
        if out.shape != result.shape:
            raise ValueError(f"{self.__name__}: out has shape {out.shape}, not {result.shape}")
        if not out.flags.writeable:
            raise ValueError(f"{self.__name__}: output array is read-only")
        if not np.can_cast(result.dtype, out.dtype, "same_kind"):
            raise TypeError(f"{self.__name__}: cannot cast the output to {out.dtype}")
        out[...] = result
        return out


def row_functions(make_loop, make_gated_loop):
    """The public row functions over a backend's loops.

    ``make_loop(name)`` makes the loop of a `Rowwise`, ``make_gated_loop(activation, backward)``
    that of the `Blockwise` of a gated unit, which is elementwise once the axis is split.
    """
    kernels = {name: Rowwise(name, make_loop(name)) for name in ROW_KERNELS}
    for name, row in ROW_FUNCTIONS.items():
        if row.activation:
            backward = "grad" in row.inputs
            loop = make_gated_loop(row.activation, backward)
            kernels[name] = Blockwise(name, "", 2 + backward, 1 + backward, loop)
    return public_functions(kernels)
