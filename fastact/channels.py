"""Gradients summed over channels: a bias fused with the activation after it, PReLU's weight.

`channel_functions` lists what there is, as `fastact.activations.functions` lists the
elementwise functions; it follows from that table.
"""

# Design: forward, `bias_f` is elementwise and hence a ufunc. Backward, shapes, dtypes, overlap and
# errors are settled here, for all backends; what a backend brings is `core`, for the case worth
# being fast: b runs along the last axis, so all operands are 2-D and b is a row. Any other bias
# takes two passes, f_backward and a sum; so do arrays of other libraries, by their own methods.

from __future__ import annotations

import inspect
from dataclasses import dataclass

import numpy as np

from fastact import _examples, _public
from fastact._public import _defaults, _section, overrides
from fastact.activations import ACTIVATIONS, Operation
from fastact.backends._blockwise import _WEAK, Blockwise, _overlap

#: Elements in a chunk of rows, which stays in the second-level cache.
CHUNK = 16384

_NO_PARAMETERS = np.zeros(2)


@dataclass(frozen=True)
class ChannelOperation(Operation):
    """An operation of which an output is summed into the shape of an operand."""

    prefix: str = ""

    def name(self, row):
        """The public name of this operation of an activation."""
        return self.prefix + row.name + self.suffix

    def parameters(self, row):
        """The parameters that trail the inputs."""
        return [parameter for parameter in row.parameters if parameter.name not in self.inputs]


BIAS = ChannelOperation(
    "", ("x", "b"), ("f(x + b)",), "the activation of x + b in one pass over memory", "bias_"
)
BIAS_BACKWARD = ChannelOperation(
    "_backward",
    ("grad", "x", "b"),
    ("grad * f'(x + b)", "its sum over the axes along which b was broadcast"),
    "the gradients passed back to x and to b, in one pass over memory",
    "bias_",
)
WEIGHT_BACKWARD = ChannelOperation(
    "_weight_backward",
    ("grad", "x", "weight"),
    ("grad * min(x, 0), summed over the axes along which weight was broadcast",),
    "the gradient of its weight",
)

_OPERAND_DOCS = {
    "grad": "Gradient with respect to the output.",
    "x": "Input before the bias, such as a matrix product.",
    "b": "Bias, of any shape that broadcasts with `x`: ``(n,)`` is one for each of n columns.",
    "weight": "The weight that f was called with, of any shape that broadcasts with `x`.",
}


def channel_functions():
    """Every public function with a sum over channels: its name, its row, its operation."""
    for row in ACTIVATIONS.values():
        if row.fused_bias:
            for operation in BIAS, BIAS_BACKWARD:
                yield operation.name(row), row, operation
    yield WEIGHT_BACKWARD.name(ACTIVATIONS["prelu"]), ACTIVATIONS["prelu"], WEIGHT_BACKWARD


def public_functions(functions, compiled=None):
    """The public functions by name, over a backend's own elementwise ones.

    Parameters
    ----------
    functions : dict
        The backend's functions of the table.
    compiled : module, optional
        Where ``UFUNCS`` has each ``bias_f`` and where the pass backward is; without one, both are
        put together from `functions`.
    """
    public = {}
    for name, row, operation in channel_functions():
        if operation is WEIGHT_BACKWARD:
            public[name] = _weight_backward(row)
        elif operation is BIAS:
            if compiled is None:
                f = functions[row.name]
                ufunc = _Biased(name, docstring(row, BIAS), getattr(f, "ufunc", f))
            else:
                ufunc = compiled.UFUNCS[name]
            public[name] = _public.publish(ufunc, row, BIAS)
            if row.parameters:
                public[name].__doc__ = docstring(row, BIAS)
        else:
            backward = functions[f"{row.name}_backward"]
            backward = getattr(backward, "ufunc", backward)
            if compiled is None:
                public[name] = _bias_backward(row, backward, _chunked(backward))
            else:
                core = _compiled(backward, compiled.backward_and_sum)
                public[name] = _bias_backward(row, backward, core, compiled.backward_if_plain)
    return public


class _Biased(Blockwise):
    """The `Blockwise` of f, of which x + b is the input, block by block."""

    def __init__(self, name, doc, f):
        super().__init__(name, doc, f.nin + 1, f.nout, f._loop)

    def _common_call(self, inputs, outputs):
        return None

    def _run(self, inputs, outputs, mask, dtype):
        super()._run([inputs[0] + inputs[1], *inputs[2:]], outputs, mask, dtype)


def _chunked(backward):
    """A core out of `f_backward`, over chunks of rows that stay in the cache."""

    def core(grad, x, b, parameters, out, sums):
        rows = max(1, CHUNK // x.shape[1])
        totals = np.empty((min(rows, len(x)), x.shape[1]), x.dtype)
        with np.errstate(all="ignore"):
            for top in range(0, len(x), rows):
                chunk = slice(top, top + rows)
                total = np.add(x[chunk], b, out=totals[: len(x[chunk])])
                backward(grad[chunk], total, *parameters, out=out[chunk])
                # Summed in the order of rows, whatever the layout.
                sums += _sum(np.ascontiguousarray(out[chunk]), 0)

    return core


def _compiled(backward, backward_and_sum):
    """The compiled core, which takes its parameters as two doubles."""

    def core(grad, x, b, parameters, out, sums):
        if parameters:
            scalars = np.zeros(2)
            scalars[: len(parameters)] = parameters
        else:
            scalars = _NO_PARAMETERS
        backward_and_sum(backward, grad, x, b, scalars, out, sums)

    return core


def _bias_backward(row, backward, core, plain=None):
    """The public ``bias_f_backward``."""
    name = BIAS_BACKWARD.name(row)
    operands = _Operands(name, row, BIAS_BACKWARD)
    scalars = np.zeros(2)
    scalars[: len(operands.defaults)] = operands.defaults

    def function(grad, x, b, /, *given, out=None, **keywords):
        if plain is not None and not given and not keywords:
            results = plain(backward, grad, x, b, scalars, out)
            if results is not None:
                return results
        parameters = operands.parameters(given, keywords)
        outs = (None, None) if out is None else operands.outputs(out)
        if operands.are_foreign((grad, x, b), outs):
            parameters = _defaults.in_dtype_of_frames((grad, x), parameters)
            result = backward(grad, x + b, *parameters)
            return result, _total(result, b)
        return general((grad, x, b, *parameters), outs)

    def general(given, outs):
        dtype, shape, (grad, x, b, *parameters) = operands.prepare(given, outs)
        operands.check_shapes(outs, (shape, b.shape))
        fuses = (
            bool(shape) and b.size == shape[-1] and b.shape[-1:] == shape[-1:] and 0 not in shape
        )
        if fuses and not any(parameter.ndim for parameter in parameters):
            grad, x = (np.broadcast_to(a, shape).reshape(-1, shape[-1]) for a in (grad, x))
            b, b_shape = b.reshape(-1), b.shape
            result = outs[0]
            if not _takes_rows(result, dtype, (grad, x, b)):
                result = np.empty(shape, dtype)
            sums = np.zeros(shape[-1])
            core(grad, x, b, parameters, result.reshape(-1, shape[-1]), sums)
            sums = sums.reshape(b_shape)
        else:
            with np.errstate(all="ignore"):
                result = np.asarray(backward(grad, x + b, *parameters))
                sums = _sum(result, _axes(shape, b.shape), b.shape)
        return _deliver(result, outs[0], dtype), _deliver(sums, outs[1], dtype)

    return operands.publish(function)


def _weight_backward(row):
    """The public ``prelu_weight_backward``."""
    operands = _Operands(WEIGHT_BACKWARD.name(row), row, WEIGHT_BACKWARD)

    def function(grad, x, weight, /, *, out=None):
        out = operands.outputs(out) if type(out) is tuple else (out,)
        if operands.are_foreign((grad, x, weight), out):
            zero = _defaults.in_dtype_of_frames((x,), [0])
            return _total(grad * np.minimum(x, *zero), weight)
        dtype, shape, (grad, x, weight) = operands.prepare((grad, x, weight), out)
        operands.check_shapes(out, (weight.shape,))
        grad, x = (np.atleast_1d(np.broadcast_to(a, shape)) for a in (grad, x))
        axes = _axes(x.shape, weight.shape)
        sums = np.zeros([1 if axis in axes else n for axis, n in enumerate(x.shape)])
        rows = max(1, CHUNK * len(x) // max(x.size, 1))
        with np.errstate(all="ignore"):
            for top in range(0, len(x), rows):
                chunk = slice(top, top + rows)
                # Of 32 bits and fewer the products are exact.
                product = _double(grad[chunk]) * _double(np.minimum(x[chunk], x.dtype.type(0)))
                target = sums if 0 in axes else sums[chunk]
                target += product.sum(axes, keepdims=True)
        return _deliver(sums.reshape(weight.shape), out[0], dtype)

    return operands.publish(function)


class _Operands:
    """What an operation's arguments have to be; errors name the function."""

    def __init__(self, name, row, operation):
        self.name, self.row, self.operation = name, row, operation
        trailing = operation.parameters(row)
        self.names = [parameter.name for parameter in trailing]
        self.defaults = tuple(parameter.default for parameter in trailing)
        self.conditions = [
            _public._condition(text, self.names) for text in operation.conditions(row)
        ]
        # Promotion and casts as those of every function of the table.
        nin = len(operation.inputs) + len(trailing)
        self.ufunc = Blockwise(name, "", nin, len(operation.outputs), None)

    def parameters(self, given, keywords):
        """The values of the trailing parameters."""
        if not given and not keywords:
            return self.defaults
        if len(given) > len(self.names):
            raise TypeError(f"{self.name}() takes too many positional arguments")
        values = list(given)
        for name in keywords:
            if name not in self.names:
                raise TypeError(f"{self.name}() got an unexpected keyword argument {name!r}")
            if name in self.names[: len(given)]:
                raise TypeError(f"{self.name}() got {name} twice")
        for name, default in list(zip(self.names, self.defaults))[len(given) :]:
            values.append(keywords.get(name, default))
        for condition in self.conditions:
            condition(self.name, dict(zip(self.names, values)))
        return tuple(values)

    def outputs(self, out):
        """The members of the tuple `out`."""
        count = len(self.operation.outputs)
        if type(out) is not tuple:
            raise TypeError(f"{self.name}(): 'out' must be a tuple of {count} arrays")
        if len(out) != count:
            raise ValueError(f"{self.name}(): the 'out' tuple must have exactly {count} entries")
        return out

    def are_foreign(self, given, outs):
        """Whether an operand is of another library, or masked, and so to be left to its methods."""
        if not any(overrides(a) or isinstance(a, np.ma.MaskedArray) for a in given):
            return False
        types = ", ".join(type(a).__name__ for a in given)
        if any(output is not None for output in outs):
            raise TypeError(f"{self.name}(): 'out' is for arrays of NumPy, not for {types}")
        if any(overrides(a) and not hasattr(a, "shape") for a in given):
            raise TypeError(f"{self.name}(): the operands have to be arrays, not {types}")
        return True

    def prepare(self, given, outs):
        """The dtype of the call, the operands' broadcast shape, and they as arrays of the dtype."""
        for output in outs:
            if output is not None and not isinstance(output, np.ndarray):
                raise TypeError(f"{self.name}(): return arrays must be of ArrayType")
        arrays = [a if type(a) in _WEAK else np.asarray(a) for a in given]
        dtype = self.ufunc._loop_dtype(arrays, None)
        self.ufunc._check_casts(arrays, outs, dtype, "same_kind")
        with np.errstate(all="ignore"):
            arrays = [np.require(a, dtype, ["ALIGNED"]) for a in arrays]
        try:
            shape = np.broadcast_shapes(*(a.shape for a in arrays))
        except ValueError:
            shapes = " ".join(str(a.shape) for a in arrays)
            raise ValueError(
                f"{self.name}(): operands could not be broadcast together with shapes {shapes}"
            ) from None
        return dtype, shape, arrays

    def check_shapes(self, outs, shapes):
        for output, shape in zip(outs, shapes):
            if output is not None and output.shape != shape:
                raise ValueError(
                    f"{self.name}(): an output has shape {output.shape}, but {shape} is needed"
                )

    def publish(self, function):
        """Name, document and sign a function."""
        kinds = inspect.Parameter
        parameters = [kinds(name, kinds.POSITIONAL_ONLY) for name in self.operation.inputs]
        parameters += [
            kinds(name, kinds.POSITIONAL_OR_KEYWORD, default=default)
            for name, default in zip(self.names, self.defaults)
        ]
        parameters.append(kinds("out", kinds.KEYWORD_ONLY, default=None))
        function.__name__ = function.__qualname__ = self.name
        function.__module__ = "fastact"  # where pickle finds it
        function.__doc__ = docstring(self.row, self.operation)
        function.__signature__ = inspect.Signature(parameters)
        return function


def _takes_rows(out, dtype, inputs):
    """Whether results can be written straight to `out`, seen as rows."""
    if out is None or out.dtype != dtype or not out.dtype.isnative or not out.flags.aligned:
        return False
    if out.ndim != 2 and not out.flags.c_contiguous:
        return False
    rows = out.reshape(-1, out.shape[-1])
    *elementwise, b = inputs
    return not np.may_share_memory(rows, b) and not any(
        _overlap(rows, a) or (np.may_share_memory(rows, a) and rows.strides != a.strides)
        for a in elementwise
    )


def _axes(shape, part):
    """The axes of `shape` along which an operand of shape `part` is broadcast."""
    missing = len(shape) - len(part)
    return tuple(
        axis
        for axis, n in enumerate(shape)
        if axis < missing or (part[axis - missing] == 1 and n != 1)
    )


def _double(array):
    return array.astype(np.float64, copy=False)


def _sum(array, axes, shape=None):
    """The sum over axes as doubles."""
    if array.dtype.kind == "f":
        sums = np.asarray(np.add.reduce(array, axes, np.float64))
    else:  # bfloat16
        sums = np.asarray(_double(array).sum(axes))
    return sums if shape is None else sums.reshape(shape)


def _total(array, part):
    """The sum over the axes along which `part` was broadcast, of an array that is not NumPy's."""
    dtype = np.result_type(*array.dtypes) if not hasattr(array, "dtype") else array.dtype
    axes, shape = _axes(array.shape, np.shape(part)), np.shape(part)
    if hasattr(array, "dims"):  # xarray's, where axes go by names
        names = getattr(part, "dims", [n for i, n in enumerate(array.dims) if i not in axes])
        sums = array.astype(np.float64).sum([n for n in array.dims if n not in names], skipna=False)
    elif not axes:
        return array
    elif hasattr(array, "iloc"):  # pandas'
        sums = array.astype(np.float64).sum(axis=axes[0] if len(axes) == 1 else None, skipna=False)
    else:
        sums = array.sum(axes, np.float64, keepdims=True).reshape(shape)
    return sums.astype(dtype)


def _rounded(array, dtype):
    with np.errstate(all="ignore"):
        return array.astype(dtype, copy=False)


def _deliver(result, out, dtype):
    """The result as it is returned: `out` if that is given, a scalar if it has no axis."""
    if out is None:
        result = _rounded(result, dtype)
        return result if result.ndim else result[()]
    if result is not out:
        with np.errstate(all="ignore"):
            np.copyto(out, _rounded(result, dtype), casting="unsafe")
    return out


def docstring(row, operation):
    """The numpydoc docstring of an operation with channels, from the row."""
    names = [parameter.name for parameter in operation.parameters(row)]
    operands = [f"{name} : array_like\n    {_OPERAND_DOCS[name]}" for name in operation.inputs]
    operands += [
        f"{parameter.name} : array_like, optional\n    {parameter.summary.capitalize()}. "
        f"Broadcasts. Default {parameter.default:g}."
        for parameter in operation.parameters(row)
    ]
    call = ", ".join((*operation.inputs, *names))
    if operation is WEIGHT_BACKWARD:
        example = [">>> fastact.prelu_weight_backward([1.0, 2.0], [-3.0, 4.0], [0.25, 0.5])"]
        example += ["array([-3.,  0.])"]
    else:
        example = _examples.biased(row, operation)
    notes = [f"``f(x) = {row.formula}`` [1]_"]
    if operation is BIAS:
        operands.append(
            "out, where, casting, order, dtype, subok : optional\n"
            "    As in every NumPy ufunc; see `numpy.ufunc`."
        )
        results = ["f(x + b) : ndarray or scalar\n    Of the operands' broadcast shape."]
        notes.append(f"The same bits as ``{row.name}(x + b)``, without memory for the sum.")
    else:
        count = len(operation.outputs)
        operands.append(
            "out : ndarray, optional\n    What to write to."
            if count == 1
            else "out : tuple of ndarray or None, optional\n    What to write grad_x and grad_b to; "
            "`grad` itself may be the first."
        )
        results = [
            "grad_x : ndarray or scalar\n    ``grad * f'(x + b)``, of the operands' broadcast shape.",
            (
                "grad_b : ndarray or scalar\n    The sum of grad_x over the axes along which `b` was "
                "broadcast, of the shape of `b`."
            ),
        ]
        if count == 1:
            results = [
                (
                    "grad_weight : ndarray or scalar\n    The sum of ``grad * min(x, 0)`` over the "
                    "axes along which `weight` was broadcast, of its shape."
                )
            ]
        else:
            notes.append(
                f"grad_x has the same bits as ``{row.name}_backward(grad, x + b)``. One pass is "
                "enough where `b` runs along the last axis and parameters are scalars."
            )
            notes += [f"Where x + b = {x} the derivative is taken as {s}." for x, s in row.kinks]
        notes.append("Sums are accumulated in double precision and rounded once.")
    notes.append(
        "float16, float32 and float64 give themselves, integers and bool what `numpy.tanh` "
        "gives. NaN gives NaN. There are no floating-point warnings."
    )
    return "\n\n".join(
        [
            f"{operation.name(row)}: {operation.summary}.",
            f"``{operation.name(row)}({call})``.",
            _section("Parameters", operands),
            _section("Returns", results),
            _section(
                "Raises",
                [
                    "TypeError\n    For dtypes that do not promote to a float of 64 bits or less.",
                    "ValueError\n    For shapes that do not broadcast.",
                ],
            ),
            "Notes\n-----\n" + "\n\n".join(notes),
            _section("References", [f".. [1] {row.reference}"]),
            _section("Examples", example),
        ]
    )
