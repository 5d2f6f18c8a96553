"""From the table of row functions and a backend's kernels to the public functions."""

from __future__ import annotations

import math
from contextlib import suppress

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from fastact.axiswise import ROW_FUNCTIONS

# Design: a kernel is called as a generalised ufunc of one core dimension, `kernel(*inputs,
# axis=, out=, dtype=, keepdims=)`; in the Cython backend it is one, in the others a `Rowwise`.
# So axis, layouts, casts and overlap are dealt with there, and a public function is a few lines
# that give it its signature. What only the losses and the gated units need is done here, once
# for all backends: reductions, the checks of labels, the halves of an axis.

_REDUCTIONS = ("none", "mean", "sum")
_OPERANDS = {
    "x": "x : array_like\n    Input, at least 1-D.",
    "y": "y : array_like\n    Saved output of the function.",
    "grad": "grad : array_like\n    Gradient with respect to the output.",
    "logits": "logits : array_like\n    Input, at least 1-D.",
    "labels": (
        "labels : array_like\n    Integers of the logits' shape without the axis, each an index "
        "into it (p is 1 there and 0 elsewhere); or floats of the logits' shape, the "
        "probabilities p."
    ),
}
_KEYWORDS = {
    "keepdims": "keepdims : bool, optional\n    Whether the axis stays, with length 1.",
    "reduction": (
        "reduction : {'none', 'mean', 'sum'}, optional\n    What becomes of the losses of the "
        "rows. The mean of no rows is NaN."
    ),
    "out": "out : ndarray or tuple of ndarray, optional\n    Where the result goes.",
    "dtype": "dtype : dtype, optional\n    The float to compute in.",
}


def public_functions(kernels):
    """Every function of the table by name, over the kernels that a backend has by name."""
    found = {}
    for name, row in ROW_FUNCTIONS.items():
        if row.activation:
            make = _gated_backward if "grad" in row.inputs else _gated
        elif "labels" in row.inputs:
            make = _CROSS_ENTROPIES[name.removeprefix("softmax_cross_entropy")]
        elif row.formulas[0].startswith("log("):
            make = _reduction
        else:
            make = _of_one if len(row.inputs) == 1 else _of_two
            if name == "logsumexp_backward":
                make = _reduction_backward
        function = make(row, kernels)
        function.__name__ = function.__qualname__ = name
        function.__module__ = "fastact"  # where pickle finds it
        function.__doc__ = docstring(row, function)
        if name in kernels and not row.activation:
            function.ufunc = kernels[name]
            with suppress(AttributeError):  # as in fastact._public
                function.ufunc.__module__ = "fastact.ufuncs"
        found[name] = function
    return found


def docstring(row, function):
    """The numpydoc docstring of a function, from its row and its signature."""
    keywords = function.__code__.co_varnames[len(row.inputs) : _count(function)]
    operands = [_OPERANDS[name] for name in row.inputs]
    operands.append("axis : int, optional\n    The axis of the rows. Default -1.")
    operands += [text for name, text in _KEYWORDS.items() if name in keywords]
    errors = [
        "TypeError\n    For dtypes that do not promote to a float of 64 bits or less.",
        "numpy.exceptions.AxisError\n    For an axis that x does not have.",
    ]
    if "labels" in row.inputs:
        errors.append("ValueError\n    For a label outside the axis, or an unknown reduction.")
    if row.activation:
        errors.append("ValueError\n    For an axis of odd length.")
    returns = [f"{formula} : ndarray or scalar" for formula in row.formulas]
    notes = [
        f"Computes {', '.join(f'``{formula}``' for formula in row.formulas)} for each row [1]_."
    ]
    if row.special:
        notes.append(row.special)
    for ulp, magnitude in zip(row.max_ulp, row.magnitudes):
        of = f" of ``{magnitude}``" if magnitude else ""
        notes.append(f"Maximal error: {ulp} ulp{of}, for rows of any length.")
    notes.append(
        "float16, float32 and float64 give themselves, integers and bool what `numpy.tanh` gives; "
        "float16 is computed in float32 and rounded once. No floating-point warning is raised."
    )
    sections = {
        "Parameters": "\n".join(operands),
        "Returns": "\n".join(returns),
        "Raises": "\n".join(errors),
        "Notes": "\n\n".join(notes),
        "References": f".. [1] {row.reference}",
        "Examples": "\n".join(row.example),
    }
    return f"{row.name}: {row.summary}.\n\n" + "\n\n".join(
        f"{title}\n{'-' * len(title)}\n{text}" for title, text in sections.items()
    )


def _count(function):
    return function.__code__.co_argcount + function.__code__.co_kwonlyargcount


def _checked(kernel, axis, *inputs, **keywords):
    """Call a kernel; an axis of a number without any is an AxisError as of any other array."""
    try:
        return kernel(*inputs, axis=axis, **keywords)
    except ValueError:
        normalize_axis_index(axis, min(np.ndim(x) for x in inputs[-1:]))
        raise


def _of_one(row, kernels):
    kernel = kernels[row.name]

    def function(x, /, axis=-1, *, out=None, dtype=None):
        return _checked(kernel, axis, x, out=out, dtype=dtype)

    return function


def _of_two(row, kernels):
    kernel = kernels[row.name]
    if row.inputs[1] == "y":

        def function(grad, y, /, axis=-1, *, out=None, dtype=None):
            return _checked(kernel, axis, grad, y, out=out, dtype=dtype)

    else:

        def function(grad, x, /, axis=-1, *, out=None, dtype=None):
            return _checked(kernel, axis, grad, x, out=out, dtype=dtype)

    return function


def _reduction(row, kernels):
    kernel = kernels[row.name]

    def function(x, /, axis=-1, *, keepdims=False, out=None, dtype=None):
        return _checked(kernel, axis, x, keepdims=keepdims, out=out, dtype=dtype)

    return function


def _reduction_backward(row, kernels):
    kernel = kernels[row.name]

    def function(grad, x, /, axis=-1, *, keepdims=False, out=None, dtype=None):
        if keepdims:
            grad = np.squeeze(grad, axis)
        return _checked(kernel, axis, grad, x, out=out, dtype=dtype)

    return function


def _halves(name, x, axis):
    """The two halves of an axis, as views."""
    axis = normalize_axis_index(axis, x.ndim)
    half, odd = divmod(x.shape[axis], 2)
    if odd:
        raise ValueError(f"{name}: the axis {axis} has the odd length {x.shape[axis]}")
    before = (slice(None),) * axis
    return x[(*before, slice(half))], x[(*before, slice(half, None))]


def _gated(row, kernels):
    kernel = kernels[row.name]

    def function(x, /, axis=-1, *, out=None, dtype=None):
        return kernel(*_halves(row.name, np.asarray(x), axis), out=out, dtype=dtype)

    return function


def _gated_backward(row, kernels):
    kernel = kernels[row.name]

    def function(grad, x, /, axis=-1, *, out=None, dtype=None):
        grad, x = np.asarray(grad), np.asarray(x)
        if out is None:
            kind = np.result_type(float_dtype(row.name, grad), float_dtype(row.name, x))
            out = np.empty_like(x, kind if dtype is None else dtype)
        elif out.shape != x.shape:
            raise ValueError(f"{row.name}: out has shape {out.shape}, not {x.shape}")
        a, b = _halves(row.name, x, axis)
        kernel(grad, b, a, out=_halves(row.name, out, axis), dtype=dtype)
        return out

    return function


# The losses ----------------------------------------------------------------------------------


class _Problem:
    """The arguments of a loss, checked and in the dtypes that its kernels take."""

    def __init__(self, name, kernels, logits, labels, axis, reduction):
        if reduction not in _REDUCTIONS:
            raise ValueError(
                f"{name}: reduction is {reduction!r}, but must be one of {', '.join(_REDUCTIONS)}"
            )
        logits, labels = np.asarray(logits), np.asarray(labels)
        self.dtype = float_dtype(name, logits)
        # float16 has too few bits for 1 / rows.
        work = np.promote_types(self.dtype, np.float32)
        self.name = name
        self.axis = normalize_axis_index(axis, logits.ndim)
        self.shape = logits.shape[: self.axis] + logits.shape[self.axis + 1 :]
        self.reduction = reduction
        if labels.dtype.kind in "iu":
            self.kind, expected = "label_entropy", self.shape
        else:
            self.kind, expected = "entropy", logits.shape
            if labels.dtype.kind != "f":
                raise TypeError(
                    f"{name}: labels of dtype {labels.dtype} are neither integers nor floats"
                )
            float_dtype(name, labels)
        if labels.shape != expected:
            raise ValueError(
                f"{name}: labels of dtype {labels.dtype} have shape {labels.shape}, "
                f"but {expected} is needed"
            )
        if labels.dtype.kind in "iu":
            labels = _checked_labels(name, labels, logits.shape[self.axis])
        self.operands = [
            np.asarray(logits, work),
            labels if labels.dtype.kind == "i" else np.asarray(labels, work),
        ]
        self.kernels, self.work = kernels, work

    def losses(self):
        return self.kernels[self.kind](*self.operands, axis=self.axis)

    def both(self, grad, out):
        """The loss of each row and the gradient of what `grad` is the gradient of."""
        size = math.prod(self.shape)
        if self.reduction == "mean":
            grad = np.asarray(grad, self.work) / max(size, 1)
        grad = np.broadcast_to(
            np.asarray(grad, self.work), self.shape if self.reduction == "none" else ()
        )
        direct = type(out) is np.ndarray and out.dtype == self.work
        losses, gradient = self.kernels[self.kind + "_with_derivative"](
            grad, *self.operands, axis=self.axis, out=(None, out if direct else None)
        )
        return losses, gradient if direct else self.deliver(gradient, out)

    def reduced(self, losses, out):
        if self.reduction != "none":
            size = np.size(losses)
            losses = np.sum(losses, dtype=np.float64)
            if self.reduction == "mean":
                losses = losses / size if size else np.float64(np.nan)
        return self.deliver(losses, out)

    def deliver(self, result, out):
        """The result in the dtype of the operands, or in `out`."""
        if out is None and result.dtype == self.dtype:
            return result
        with np.errstate(all="ignore"):
            if out is None:
                return result.astype(self.dtype)
            if np.shape(out) != np.shape(result):
                raise ValueError(f"{self.name}: out has shape {out.shape}, not {result.shape}")
            np.copyto(out, result, casting="same_kind")
            return out


def float_dtype(name, x):
    """The float that NumPy's functions compute `x` in; TypeError if there is none."""
    try:
        dtype = np.result_type(x.dtype, np.float16)
    except TypeError:
        dtype = x.dtype
    if dtype.char not in "efd":
        raise TypeError(
            f"{name} is not supported for the input type {x.dtype}; it takes float16, float32, "
            "float64 and what casts to them"
        )
    return dtype


def _checked_labels(name, labels, n):
    """The labels as intp; ValueError for one that is not in [0, n)."""
    found = np.asarray(labels, np.intp)
    # As unsigned numbers those below 0 are large: one pass finds both kinds.
    if found.size and found.view(np.uintp).max() >= n:
        worst = labels.ravel()[np.argmax(found.view(np.uintp).ravel() >= n)]
        raise ValueError(f"{name}: the label {worst} is not in the valid range 0 <= label < {n}")
    return found


def _loss(row, kernels):
    def function(logits, labels, /, axis=-1, reduction="none", *, out=None):
        problem = _Problem(row.name, kernels, logits, labels, axis, reduction)
        return problem.reduced(problem.losses(), out)

    return function


def _loss_derivative(row, kernels):
    def function(logits, labels, /, axis=-1, reduction="none", *, out=None):
        problem = _Problem(row.name, kernels, logits, labels, axis, reduction)
        return problem.both(1, out)[1]

    return function


def _loss_with_derivative(row, kernels):
    def function(logits, labels, /, axis=-1, reduction="none", *, out=(None, None)):
        problem = _Problem(row.name, kernels, logits, labels, axis, reduction)
        losses, gradient = problem.both(1, out[1])
        return problem.reduced(losses, out[0]), gradient

    return function


def _loss_backward(row, kernels):
    def function(grad, logits, labels, /, axis=-1, reduction="none", *, out=None):
        problem = _Problem(row.name, kernels, logits, labels, axis, reduction)
        return problem.both(grad, out)[1]

    return function


_CROSS_ENTROPIES = {
    "": _loss,
    "_derivative": _loss_derivative,
    "_with_derivative": _loss_with_derivative,
    "_backward": _loss_backward,
}
