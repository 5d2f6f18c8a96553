"""torch.nn.functional's activations on NumPy arrays, with its names, arguments, defaults and kinks.

For each ``f(input, ...)`` of torch there is ``f_backward(grad, input, ...)``, the gradient that
torch passes back. Both take NumPy's ``out=``, and dtypes are those of fastact's functions: integers
give floats. torch itself is neither needed nor imported.

Unlike torch's, these functions are exact in the tails, the derivative at NaN is NaN, and parameters
have fastact's domains: softplus with beta <= 0, hardtanh with min_val >= max_val, a shrink with
lambd < 0 and celu with alpha <= 0 are a ValueError.
"""

# Design: a *maker* has the signature of torch's function and returns its `Kernels`, the passes with
# all parameters bound. What is published here calls them on arrays, and
# `fastact.compat.torch.functional` on the memory of tensors. Makers follow from the table;
# those of functions that are more than a row of it are written out.

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

import fastact
from fastact.activations import ACTIVATIONS
from fastact.axiswise import ROW_FUNCTIONS

#: The rows that torch has, by whether its function takes `inplace`; prelu, gelu, softplus and
#: the functions over an axis are below.
_WITH_INPLACE = (
    "relu relu6 leaky_relu threshold elu selu celu hard_sigmoid hard_tanh silu mish hard_swish"
)
_WITHOUT_INPLACE = "sigmoid log_sigmoid tanh tanh_shrink softsign soft_shrink hard_shrink"


class Kernels(NamedTuple):
    """The passes of one call, its parameters bound."""

    #: Called as ``forward(input, out=None)``.
    forward: Callable
    #: Called as ``backward(grad, input, out=None)``.
    backward: Callable
    #: Called as ``from_output(grad, output, out=None)``, if the output determines the derivative.
    from_output: Callable | None = None
    inplace: bool = False
    #: The output's shape, if it is not that of the input.
    shape: tuple[int, ...] | None = None


def _of_row(row, parameters, inplace=False):
    """The kernels of a row of the table."""
    passes = {}
    for operation in row.operations():
        conditions = operation.conditions(row)
        if "y" in operation.inputs and not all(np.all(eval(c, {}, parameters)) for c in conditions):
            continue  # this output does not determine the derivative
        f = getattr(fastact, row.name + operation.suffix)
        passes[operation.suffix] = partial(f, **parameters) if parameters else f
    return Kernels(passes[""], passes["_backward"], passes.get("_backward_from_output"), inplace)


def _maker(name, row, takes_inplace):
    """The maker of a function that is one row of the table."""
    kinds = inspect.Parameter
    defaults = {"input": None} | {p.name: p.default for p in row.parameters}
    if takes_inplace:
        defaults["inplace"] = False
    signature = inspect.Signature(
        [
            kinds(key, kinds.POSITIONAL_OR_KEYWORD, default=kinds.empty if d is None else d)
            for key, d in defaults.items()
        ]
    )
    names = [parameter.name for parameter in row.parameters]
    usual = None if row.required else _of_row(row, {key: defaults[key] for key in names})

    def maker(*args, **kwargs):
        if usual and len(args) == 1 and not kwargs:
            return usual
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{name}{signature}: {error}") from None
        given = defaults | bound.arguments
        return _of_row(row, {key: given[key] for key in names}, given.get("inplace", False))

    maker.__signature__ = signature
    maker.__doc__ = f"f(x) = {row.formula}\n\n" + "\n".join(
        f"At x = {x} the derivative is taken as {slope}." for x, slope in row.kinks
    )
    return maker


def _prelu(input, weight):
    """x if x > 0 else x * weight, with one weight or one for each channel, axis 1."""
    return _of_row(ACTIVATIONS["prelu"], {"weight": _by_channel(weight, np.shape(input))})


def _by_channel(weight, shape):
    """PReLU's weight in a shape that broadcasts with the input's."""
    channels = shape[1] if len(shape) > 1 else 1
    if np.shape(weight) not in ((), (1,), (channels,)):
        raise ValueError(
            f"prelu: weight has shape {np.shape(weight)}, but (), (1,) or ({channels},), one for "
            "each channel, is needed"
        )
    if np.size(weight) > 1:
        return np.reshape(weight, (channels,) + (1,) * (len(shape) - 2))
    return np.reshape(weight, ()) if np.ndim(weight) else weight


_GELUS = {"none": "gelu", "tanh": "gelu_tanh"}


def _gelu(input, approximate="none"):
    """x Phi(x) with the normal distribution's Phi; approximate="tanh" is `fastact.gelu_tanh`."""
    if approximate not in _GELUS:
        raise ValueError(f"gelu: approximate is {approximate!r}, but must be 'none' or 'tanh'")
    return _of_row(ACTIVATIONS[_GELUS[approximate]], {})


def _softplus(input, beta=1.0, threshold=20.0):
    """log1p(exp(beta * x)) / beta, but x itself where beta * x > threshold."""
    exact = _of_row(ACTIVATIONS["softplus"], {"beta": beta})
    fastact.softplus(0.0, beta)  # raises if beta is not positive
    limit = np.float64(threshold / beta)

    def with_threshold(kernel):
        def of_operands(*operands, out=None):  # where linear, the first is the result
            linear = np.asarray(operands[-1]) > limit
            if not linear.any():
                return kernel(*operands, out=out)
            return _deliver(np.where(linear, operands[0], kernel(*operands)), out)

        return of_operands

    return Kernels(with_threshold(exact.forward), with_threshold(exact.backward))


def _deliver(result, out):
    """The result as a ufunc returns it."""
    if out is None:
        return result[()]
    np.copyto(out, result, casting="same_kind")
    return out


def _softmax_maker(name):
    def maker(input, dim=None, _stacklevel=3, dtype=None):
        if dim is None:
            dim = 0 if np.ndim(input) in (0, 1, 3) else 1
            warnings.warn(f"{name}: without dim={dim} given it is chosen", stacklevel=_stacklevel)
        return Kernels(
            *(
                partial(getattr(fastact, name + suffix), axis=dim, dtype=dtype)
                for suffix in ("", "_backward", "_backward_from_output")
            )
        )

    maker.__doc__ = f"{ROW_FUNCTIONS[name].formulas[0]} along dim; see `fastact.{name}`."
    return maker


def _glu(input, dim=-1):
    """The first half of the axis dim, gated by the sigmoid of the other."""
    shape = list(np.shape(input))
    dim = normalize_axis_index(dim, len(shape))
    shape[dim] //= 2
    return Kernels(
        partial(fastact.glu, axis=dim), partial(fastact.glu_backward, axis=dim), shape=tuple(shape)
    )


def _cross_entropy(
    input,
    target,
    weight=None,
    size_average=None,
    ignore_index=-100,
    reduce=None,
    reduction="mean",
    label_smoothing=0.0,
):
    """The cross-entropy of logits, axis 1, against labels or probabilities.

    weight, label_smoothing and the deprecated size_average and reduce are not supported.
    """
    for argument, value in (
        ("weight", weight),
        ("size_average", size_average),
        ("reduce", reduce),
        ("label_smoothing", label_smoothing or None),
    ):
        if value is not None:  # no kernel has it, and to ignore it would be wrong
            raise NotImplementedError(f"cross_entropy: {argument} is not supported, leave it out")
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(
            f"cross_entropy: reduction is {reduction!r}, but must be 'none', 'mean' or 'sum'"
        )
    axis = min(np.ndim(input), 2) - 1
    labels = np.asarray(target)
    rows = np.shape(input)[:axis] + np.shape(input)[axis + 1 :]
    kept = np.ones(rows, bool)
    if labels.dtype.kind in "iu":
        kept = labels != ignore_index
        labels = np.where(kept, labels, 0)
    count = kept.sum() if reduction == "mean" else 1

    def forward(x, out=None):
        losses = np.where(kept, fastact.softmax_cross_entropy(x, labels, axis), 0)
        if reduction != "none":
            total = losses.sum(dtype=np.float64) / count if count else np.float64(np.nan)
            losses = total.astype(losses.dtype)
        return _deliver(losses, out)

    def backward(grad, x, out=None):
        grad = np.where(kept, grad, 0) / np.float64(max(count, 1))
        return fastact.softmax_cross_entropy_backward(grad, x, labels, axis, out=out)

    return Kernels(forward, backward, shape=rows if reduction == "none" else ())


def _makers():
    """The maker of each of torch's functions, by its name there."""
    for rows, takes_inplace in (_WITH_INPLACE, True), (_WITHOUT_INPLACE, False):
        for row in rows.split():
            name = row if row == "leaky_relu" else row.replace("_", "")
            yield name, _maker(name, ACTIVATIONS[row], takes_inplace)
    for maker in _prelu, _gelu, _softplus, _glu, _cross_entropy:
        yield maker.__name__[1:], maker
    for name in "softmax", "log_softmax":
        yield name, _softmax_maker(name)


MAKERS = dict(_makers())


def _publish(name, maker):
    """The functions of arrays forward and backward."""

    def forward(input, *args, out=None, **kwargs):
        kernels = maker(input, *args, **kwargs)
        if kernels.inplace:
            if out is not None:
                raise TypeError(f"{name}: inplace and out exclude each other")
            out = input
        return kernels.forward(input, out=out)

    def backward(grad, input, *args, out=None, **kwargs):
        kernels = maker(input, *args, **kwargs)
        if kernels.inplace:
            raise TypeError(f"{name}_backward: there is no inplace; give out")
        return kernels.backward(grad, input, out=out)

    kinds = inspect.Parameter
    parameters = list(inspect.signature(maker).parameters.values())
    out = kinds("out", kinds.KEYWORD_ONLY, default=None)
    forward.__signature__ = inspect.Signature([*parameters, out])
    forward.__doc__ = f"torch.nn.functional.{name} on arrays.\n\n{maker.__doc__}"
    backward.__signature__ = inspect.Signature(
        [
            kinds("grad", kinds.POSITIONAL_OR_KEYWORD),
            *(parameter for parameter in parameters if parameter.name != "inplace"),
            out,
        ]
    )
    backward.__doc__ = f"The gradient that torch.nn.functional.{name} passes back to its input."
    for function, suffix in (forward, ""), (backward, "_backward"):
        function.__name__ = function.__qualname__ = name + suffix
        function.__module__ = __name__
        yield name + suffix, function


def prelu_weight_backward(grad, input, weight):
    """The gradient that torch.nn.functional.prelu passes back to its weight."""
    gradient = fastact.prelu_weight_backward(grad, input, _by_channel(weight, np.shape(input)))
    return np.reshape(gradient, np.shape(weight))[()]


for _name, _function in MAKERS.items():
    globals().update(_publish(_name, _function))

__all__ = [*MAKERS, *(name + "_backward" for name in MAKERS), "prelu_weight_backward"]
