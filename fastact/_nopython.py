"""The public functions under `numba.njit`: `init` is what the entry point numba_extensions names.

Numba imports this, and calls `init`, before it compiles anything; `import fastact` does not.
"""

from __future__ import annotations

import functools
import inspect

import numpy as np
from numba import njit, typeof
from numba.core import errors, types
from numba.core.typing import signature, templates
from numba.extending import lower_builtin, overload, register_jitable
from numba.np.numpy_support import as_dtype, from_dtype

import fastact
from fastact import _public, elementary
from fastact.activations import functions
from fastact.axiswise import ROW_FUNCTIONS
from fastact.channels import channel_functions

# Design: a public function, be it a ufunc, a `Blockwise` or a function with defaults, is a global
# of the user's code, and Numba takes for its type what `infer_global` gives it. That is a template
# whose key is a name and not the ufunc, lest Numba fuse it into array expressions with loops that
# are not these. The template settles dtypes and keywords; the casts are the caller's, and
# the work that of a dispatcher over the formulas and loops of the Numba backend: same bits.
#
# Scalars are inlined, so that the user's loop is vectorised. Flags that a callee takes over from
# its caller (fastmath, the error model) are set, for the formulas rely on rounding.
#
# Numba's cache keeps compiled functions under their qualified name: see `_Function._compiled`.

_FLAGS = {
    "error_model": "numpy",
    "fastmath": False,
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
}


@functools.cache
def init():
    """Make every public function known to Numba."""
    for name, row, operation in functions():
        _register(getattr(fastact, name), f"fastact.{name}", row, operation)
    for name, row in elementary.FUNCTIONS.items():
        public = getattr(elementary, name)
        _register(public, f"fastact.elementary.{name}", row, elementary.VALUE)
    for name in [*ROW_FUNCTIONS, *(name for name, *_ in channel_functions())]:
        _refuse(getattr(fastact, name), f"fastact.{name}")


def _register(public, name, row, operation):
    class Template(_Template):
        key = name
        function = _Function(name, row, operation)

    templates.infer_global(public, types.Function(Template))
    lower_builtin(name, types.VarArg(types.Any))(Template.function.lower)


def _refuse(public, name):
    class Template(templates.AbstractTemplate):
        key = name

        def generic(self, args, kws):
            raise errors.TypingError(f"{name}() has no form for nopython code: call it outside")

    templates.infer_global(public, types.Function(Template))


class _Template(templates.AbstractTemplate):
    def generic(self, args, kws):
        operands, out = self.function.bind(args, kws)
        inner = self.function.resolve(self.context, operands, out)
        return signature(inner.return_type, *operands, out).replace(pysig=self.function.pysig)


class _Function:
    """A public function: its signature, its types, what it compiles to."""

    def __init__(self, name, row, operation):
        self.name, self.row, self.operation = name, row, operation
        self.pysig = inspect.Signature(
            [
                # As in a ufunc, `out` may also be given by position.
                p.replace(kind=p.POSITIONAL_OR_KEYWORD) if p.name == "out" else p
                for p in _public.signature(row, operation).parameters.values()
                if p.kind != p.VAR_KEYWORD
            ]
        )

    def bind(self, args, kws):
        """The types to which a call's operands are to be cast, and that of `out`."""
        try:
            given = self.pysig.bind(*args, **kws).arguments
        except TypeError as error:
            public = self.name.rpartition(".")[2]
            raise self._error(f"{error}; here its signature is {public}{self.pysig}") from None
        given = {name: _plain(t) for name, t in given.items()}
        out = given.pop("out", types.none)
        for name, t in given.items():
            if not _is_real(_element(t)):
                raise self._error(
                    f"{name} is {t}; float32, float64, integers, bool and arrays of these are taken"
                )
        arrays = [t for t in given.values() if isinstance(t, types.Array)]
        # Numbers give way to arrays, and parameters to inputs.
        dtype = _promoted(arrays or [given[name] for name in self.operation.inputs])
        self._check_out(out)
        operands = [given.get(name, dtype) for name in self.pysig.parameters if name != "out"]
        return [t if isinstance(t, types.Array) else dtype for t in operands], out

    def _check_out(self, out):
        count = len(self.operation.outputs)
        if out == types.none:
            return
        if count > 1 and not (isinstance(out, types.BaseTuple) and len(out) == count):
            raise self._error(f"out is {out}; a tuple of {count} arrays is needed")
        for t in out if count > 1 else [out]:
            if not (isinstance(t, types.Array) and t.dtype in _FLOATS and t.mutable):
                raise self._error(f"out is {t}; a writeable array of floats is needed")

    def _error(self, message):
        return errors.TypingError(f"{self.name}(): {message}")

    def resolve(self, context, operands, out):
        """The signature of the compiled function for these types."""
        form = types.Dispatcher(self._form(operands, out))
        return form.get_call_type(context, (types.Tuple(operands), out), {})

    def lower(self, context, builder, sig, args):
        *operands, out = sig.args
        inner = self.resolve(context.typing_context, operands, out)
        inputs = context.make_tuple(builder, inner.args[0], args[:-1])
        form = types.Dispatcher(self._form(operands, out))
        return context.get_function(form, inner)(builder, [inputs, args[-1]])

    def _form(self, operands, out):
        arrays = [t for t in operands if isinstance(t, types.Array)]
        if not arrays and out == types.none:
            return self._of_scalars
        return self._of_arrays[_promoted(arrays or operands)]

    @functools.cached_property
    def _of_scalars(self):
        element = _kernels().make_element(self.row, self.operation)
        if len(self.operation.outputs) == 1:
            return self._compiled(lambda inputs, out: element(*inputs)[0], forceinline=True)
        return self._compiled(lambda inputs, out: element(*inputs), forceinline=True)

    @functools.cached_property
    def _of_arrays(self):
        loop = _kernels().make_loop(self.row, self.operation)
        count = len(self.operation.outputs)
        mismatch = f"{self.name}(): operands could not be broadcast together, or not to out"

        def make(kind):
            zeros = (kind(0),) * count  # of the loop's dtype

            def of_arrays(inputs, out):
                given = as_tuple(out)
                shape = shape_of(inputs + given, mismatch)
                results = results_of(given, shape, zeros)
                if not all_of_shape(results, shape):
                    raise ValueError(mismatch)
                buffers = buffers_of(results, zeros[0])
                loop(*(contiguous(inputs, shape, buffers, zeros[0]) + buffers))
                copy_back(buffers, results, zeros[0])
                return unpacked(results, given)

            return self._compiled(of_arrays, forceinline=False)

        return {t: make(as_dtype(t).type) for t in _FLOATS}

    def _compiled(self, function, **flags):
        """The dispatcher of a closure, named as no other: see `_numba_kernels.jitable`."""
        function.__name__ = function.__qualname__ = self.name.replace(".", "_")
        return njit(**_FLAGS, **flags)(function)


_FLOATS = types.float32, types.float64


def _kernels():
    from fastact.backends import _numba_kernels

    return _numba_kernels


def _plain(t):
    """The type of the value itself: not of a literal, a default or what may be None."""
    if isinstance(t, types.Omitted):
        return types.none if t.value is None else typeof(t.value)
    t = types.unliteral(t)
    return t.type if isinstance(t, types.Optional) else t


def _element(t):
    return t.dtype if isinstance(t, types.Array) else t


def _is_real(t):
    return isinstance(t, (types.Boolean, types.Integer)) or t in _FLOATS


def _promoted(operands):
    """The float of 32 or 64 bits that NumPy would compute in."""
    return from_dtype(np.result_type(np.float32, *(as_dtype(_element(t)) for t in operands)))


# Arrays --------------------------------------------------------------------------------------
#
# Helpers of `of_arrays`, each recursive over a tuple. What they compile to depends on the types
# of their arguments alone, so that they need no names of their own.

helper = functools.partial(overload, jit_options={"no_cfunc_wrapper": True})


def as_tuple(out):
    """`out` as a tuple, empty for None."""


@helper(as_tuple)
def _as_tuple(out):
    if isinstance(out, types.BaseTuple):
        return lambda out: out
    return (lambda out: ()) if out == types.none else (lambda out: (out,))


def _has_shape(t):
    return isinstance(t, types.Array) and t.ndim > 0


def shape_of(operands, mismatch):
    """The shape to which all of a tuple broadcast; else a ValueError with that text."""


@helper(shape_of)
def _shape_of(operands, mismatch):
    if len(operands) == 0:
        return lambda operands, mismatch: ()
    if not _has_shape(operands[0]):
        return lambda operands, mismatch: shape_of(operands[1:], mismatch)
    if not any(map(_has_shape, [*operands][1:])):
        return lambda operands, mismatch: operands[0].shape

    def implementation(operands, mismatch):
        a, b = operands[0].shape, shape_of(operands[1:], mismatch)
        for i in range(1, min(len(a), len(b)) + 1):
            m, n = a[len(a) - i], b[len(b) - i]
            if m != n and m != 1 and n != 1:
                raise ValueError(mismatch)
        return np.broadcast_shapes(a, b)

    return implementation


def results_of(given, shape, zeros):
    """The arrays given for the results, or new ones of the dtypes of `zeros`."""


@helper(results_of)
def _results_of(given, shape, zeros):
    if len(given):
        return lambda given, shape, zeros: given
    kind = as_dtype(zeros[0]).type
    if len(zeros) == 1:
        return lambda given, shape, zeros: (np.empty(shape, kind),)
    return lambda given, shape, zeros: (np.empty(shape, kind), np.empty(shape, kind))


def all_of_shape(arrays, shape):
    """Whether every array is of that shape."""


@helper(all_of_shape)
def _all_of_shape(arrays, shape):
    if len(arrays) == 0:
        return lambda arrays, shape: True
    if arrays[0].ndim != len(shape):
        return lambda arrays, shape: False
    return lambda arrays, shape: arrays[0].shape == shape and all_of_shape(arrays[1:], shape)


def _is_plain(t, zero):
    """Whether arrays of that type are what a loop takes."""
    return t.dtype == zero and t.layout == "C" and t.aligned


def buffers_of(results, zero):
    """1-D contiguous arrays of the dtype of `zero`: the results themselves if they can be."""


@helper(buffers_of)
def _buffers_of(results, zero):
    if len(results) == 0:
        return lambda results, zero: ()
    if _is_plain(results[0], zero):
        return lambda results, zero: (results[0].reshape(-1),) + buffers_of(results[1:], zero)
    kind = as_dtype(zero).type
    return lambda results, zero: (np.empty(results[0].size, kind),) + buffers_of(results[1:], zero)


def copy_back(buffers, results, zero):
    """Fill the results that are not themselves the buffers."""


@helper(copy_back)
def _copy_back(buffers, results, zero):
    if len(results) == 0:
        return lambda buffers, results, zero: None
    if _is_plain(results[0], zero):
        return lambda buffers, results, zero: copy_back(buffers[1:], results[1:], zero)

    def implementation(buffers, results, zero):
        fill(results[0], buffers[0].reshape(results[0].shape))
        copy_back(buffers[1:], results[1:], zero)

    return implementation


def fill(target, x):
    """``target[...] = x``, which takes Numba three times as long to compile as all else here."""


@helper(fill)
def _fill(target, x):
    if target.ndim == 0:

        def implementation(target, x):
            target[()] = x[()]

    elif x.ndim < target.ndim:

        def implementation(target, x):
            for i in range(len(target)):
                fill(target[i], x)

    elif target.ndim == 1:

        def implementation(target, x):
            step = 1 if len(x) == len(target) else 0
            for i in range(len(target)):
                target[i] = x[i * step]

    else:

        def implementation(target, x):
            step = 1 if len(x) == len(target) else 0
            for i in range(len(target)):
                fill(target[i], x[i * step])

    return implementation


def contiguous(operands, shape, buffers, zero):
    """The operands as 1-D contiguous arrays of the shape's size and zero's dtype; scalars stay."""


@helper(contiguous)
def _contiguous(operands, shape, buffers, zero):
    if len(operands) == 0:
        return lambda operands, shape, buffers, zero: ()
    return lambda operands, shape, buffers, zero: (
        (one_contiguous(operands[0], shape, buffers, zero),)
        + contiguous(operands[1:], shape, buffers, zero)
    )


def one_contiguous(x, shape, buffers, zero):
    """One operand, copied where it is not as wanted or overlaps a buffer without being it."""


@helper(one_contiguous)
def _one_contiguous(x, shape, buffers, zero):
    if not isinstance(x, types.Array):
        return lambda x, shape, buffers, zero: x
    kind = as_dtype(zero).type
    if x.ndim == 0:
        return lambda x, shape, buffers, zero: kind(x[()])

    def copied(x, shape, buffers, zero):
        copy = np.empty(shape, kind)
        fill(copy, x)
        return copy.reshape(-1)

    if not (_is_plain(x, zero) and x.ndim == len(shape)):
        return copied
    copied = register_jitable(copied)

    def implementation(x, shape, buffers, zero):
        if x.shape == shape and not overlaps(x, buffers):
            return x.reshape(-1)
        return copied(x, shape, buffers, zero)

    return implementation


def overlaps(x, buffers):
    """Whether x and a buffer share memory but do not begin together."""


@helper(overlaps)
def _overlaps(x, buffers):
    if len(buffers) == 0:
        return lambda x, buffers: False

    def implementation(x, buffers):
        distance = np.intp(x.ctypes.data) - np.intp(buffers[0].ctypes.data)
        size = x.size * x.itemsize
        return 0 < abs(distance) < size or overlaps(x, buffers[1:])

    return implementation


def unpacked(results, given):
    """What a call returns: no tuple of one, and a number for an array without dimensions."""


@helper(unpacked)
def _unpacked(results, given):
    if len(given) == 0 and results[0].ndim == 0:
        if len(results) == 1:
            return lambda results, given: results[0][()]
        return lambda results, given: (results[0][()], results[1][()])
    if len(results) == 1:
        return lambda results, given: results[0]
    return lambda results, given: results
