"""A callable that behaves as a NumPy ufunc but whose inner loop is Python's to call."""

import numpy as np

from fastact._public import call_each_output, docstring, overrides, publish
from fastact.activations import functions

# Design: whatever is hard about a ufunc (broadcasting, strides, casts, byte order,
# misalignment, overlap, masks) is left to np.nditer, which hands out contiguous 1-D
# blocks of one dtype. The common call, of plain contiguous arrays, does without it:
# its set-up costs some 5 us.

_FLOATS = {code: np.dtype(code) for code in "efd"}
#: The loop of each other type that NumPy's own float ufuncs take, as np.tanh has it.
_PROMOTED = dict.fromkeys("?bB", "e") | dict.fromkeys("hH", "f") | dict.fromkeys("iIlLqQ", "d")
_BOOL = np.dtype(bool)
#: Python's own numbers have no dtype: they take that of the arrays beside them (NEP 50).
_WEAK = (int, float, complex)
_ITERATOR = ("external_loop", "buffered", "zerosize_ok", "copy_if_overlap")
_LARGEST = float(np.finfo(np.float32).max)
#: Elements in an iterator's block.
_BLOCK = 16384
_CONTIGUOUS = ("contig", "aligned", "nbo")
_INPUT = ("readonly", "overlap_assume_elementwise", *_CONTIGUOUS)
_WRITTEN = ("allocate", "no_broadcast", "overlap_assume_elementwise", *_CONTIGUOUS)
_OUTPUT = ("writeonly", *_WRITTEN)
_MASK = ("readonly", "arraymask", "aligned", "nbo")


class Blockwise:
    """An elementwise function with the behaviour of a `numpy.ufunc`.

    Parameters
    ----------
    name, doc : str
        What becomes ``__name__`` and ``__doc__``.
    nin, nout : int
        The number of inputs and outputs.
    loop : callable
        Called as ``loop(*inputs, *outputs)`` with contiguous 1-D arrays of equal length, all
        float32 or all float64 (16-bit floats are computed in float32). An input of a single element
        may come as a scalar of that dtype. An output may *be* one of the inputs, so each
        element must be read before it is written, but never overlaps one otherwise.
    alone : sequence of Blockwise, optional
        For each of several outputs the function that has it alone.
    """

    def __init__(self, name, doc, nin, nout, loop, alone=()):
        self.__name__ = self.__qualname__ = name
        self.__module__ = "fastact"  # where pickle finds it
        self.__doc__ = doc
        self.nin, self.nout, self.nargs = nin, nout, nin + nout
        self.signature = None
        self.identity = None
        self.types = [f"{code * nin}->{code * nout}" for code in _FLOATS]
        self.ntypes = len(self.types)
        self._loop = loop
        self._alone = alone

    def __reduce__(self):
        return self.__name__

    def __repr__(self):
        return f"<fastact ufunc {self.__name__!r}>"

    def __call__(self, /, *inputs, out=None, **keywords):
        """Evaluate elementwise; the keywords are those of a `numpy.ufunc`."""
        if out is None and len(inputs) == self.nin:
            outputs = (None,) * self.nout
        else:
            inputs, outputs = self._arguments(inputs, out)
        if not keywords:
            results = self._common_call(inputs, outputs)
            if results is not None:
                return results if self.nout > 1 else results[0]
        overriding = [x for x in (*inputs, *outputs) if overrides(x)]
        if overriding:
            if any(output is not None for output in outputs):
                keywords["out"] = outputs
            return delegate(self, overriding, inputs, keywords, self._alone)
        results = self._evaluate(inputs, outputs, **keywords)
        return results if self.nout > 1 else results[0]

    def _arguments(self, inputs, out):
        """Split positional arguments in inputs and outputs, as a ufunc does."""
        nin, nout = self.nin, self.nout
        if not nin <= len(inputs) <= self.nargs:
            raise TypeError(
                f"{self.__name__}() takes from {nin} to {self.nargs} positional arguments "
                f"but {len(inputs)} were given"
            )
        inputs, outputs = inputs[:nin], inputs[nin:]
        if out is not None:
            if outputs:
                raise TypeError(
                    f"{self.__name__}(): cannot specify 'out' as both a positional and "
                    "a keyword argument"
                )
            if not isinstance(out, tuple):
                if nout > 1:
                    raise TypeError(f"{self.__name__}(): 'out' must be a tuple of arrays")
                out = (out,)
            outputs = out
            if len(outputs) != nout:
                raise ValueError(
                    f"{self.__name__}(): the 'out' tuple must have exactly {nout} entries, one "
                    "for each output"
                )
        return inputs, outputs + (None,) * (nout - len(outputs))

    def _common_call(self, inputs, outputs):
        """The outputs of a call on like, contiguous arrays; None if it is not that simple.

        Inputs after the first may also be Python floats or single elements.
        """
        first = inputs[0]
        if type(first) is not np.ndarray:
            return None
        dtype, shape = first.dtype, first.shape
        if dtype.char not in "fd" or not shape or not _is_plain(first, dtype, shape):
            return None
        blocks = [first]
        for x in inputs[1:]:
            if type(x) is float:
                if not -_LARGEST <= x <= _LARGEST:
                    return None  # the cast may overflow, and would warn
                x = dtype.type(x)
            elif type(x) is np.ndarray and not x.shape and x.dtype == dtype:
                x = x[()]
            elif not _is_plain(x, dtype, shape):
                return None
            blocks.append(x)
        for output in outputs:
            if output is None:
                output = np.empty(shape, dtype)
            elif not (
                _is_plain(output, dtype, shape)
                and output.flags.writeable
                and not any(_overlap(output, block) for block in blocks)
            ):
                return None
            blocks.append(output)
        results = tuple(blocks[self.nin :])
        if len(shape) > 1:
            blocks = [x.reshape(-1) if x.ndim else x for x in blocks]
        self._loop(*blocks)
        return results

    def _evaluate(
        self, inputs, outputs, *, where=True, casting="same_kind", order="K", dtype=None, subok=True
    ):
        """The general call: any layout, dtype and mask that NumPy can cast and broadcast."""
        for output in outputs:
            if output is not None and not isinstance(output, np.ndarray):
                raise TypeError(f"{self.__name__}(): return arrays must be of ArrayType")
        arrays = [x if type(x) in _WEAK else np.asarray(x) for x in inputs]
        dtype = self._loop_dtype(arrays, dtype)
        self._check_casts(arrays, outputs, dtype, casting)
        with np.errstate(all="ignore"):
            arrays = [np.asarray(x, dtype) if type(x) in _WEAK else x for x in arrays]
            scalars = {}
            if any(x.ndim for x in arrays):
                scalars = {i: x.astype(dtype)[()] for i, x in enumerate(arrays) if not x.ndim}
            operands = [x for i, x in enumerate(arrays) if i not in scalars]
            results = self._iterate(operands, outputs, scalars, where, dtype, order)
        return self._wrap(results, inputs, outputs, subok)

    def _loop_dtype(self, arrays, dtype):
        """The dtype of the loop that these inputs take; TypeError if there is none."""
        if dtype is not None:
            loop = np.dtype(dtype)
            if _loop_of(loop) != loop:
                raise TypeError(
                    f"No loop matching the specified signature and casting was found for "
                    f"ufunc {self.__name__}: dtype={np.dtype(dtype)}"
                )
            return loop
        if any(getattr(x, "dtype", _BOOL).name == "bfloat16" for x in arrays):
            # With this dtype result_type has no weak numbers.
            arrays = [x for x in arrays if type(x) not in (int, float)]
        try:
            common = np.result_type(
                *(
                    x
                    if type(x) in _WEAK
                    else _PROMOTED.get(x.dtype.char, x.dtype.newbyteorder("="))
                    for x in arrays
                )
            )
        except TypeError:  # no common dtype at all, as of a number and a date
            loop = None
        else:
            loop = _loop_of(common)
        if loop is None:
            given = ", ".join(str(getattr(x, "dtype", type(x).__name__)) for x in arrays)
            raise TypeError(
                f"ufunc '{self.__name__}' not supported for the input types: {given}; it takes "
                "float16, float32, float64 and what casts to them"
            )
        return loop

    def _check_casts(self, arrays, outputs, dtype, casting):
        """Raise TypeError, naming the function, for a cast that `casting` forbids."""
        for x in arrays:
            if type(x) not in _WEAK and not np.can_cast(x.dtype, dtype, casting):
                raise TypeError(
                    f"Cannot cast ufunc '{self.__name__}' input from {x.dtype!r} to {dtype!r} "
                    f"with casting rule {casting!r}"
                )
        for output in outputs:
            if output is None:
                continue
            if not np.can_cast(dtype, output.dtype, casting):
                raise TypeError(
                    f"Cannot cast ufunc '{self.__name__}' output from {dtype!r} to "
                    f"{output.dtype!r} with casting rule {casting!r}"
                )
            if not output.flags.writeable:
                raise ValueError(f"{self.__name__}(): output array is read-only")

    def _iterate(self, arrays, outputs, scalars, where, dtype, order):
        """Run the loop block by block; `scalars` maps an input's place to its value."""
        operands = [*arrays, *outputs]
        flags = [_INPUT] * len(arrays) + [_OUTPUT] * self.nout
        dtypes = [dtype] * len(operands)
        masked = where is not True
        if masked:
            where = np.asarray(where)
            if not np.can_cast(where.dtype, _BOOL, "safe"):
                raise TypeError(
                    f"{self.__name__}(): cannot cast 'where' from {where.dtype!r} to bool"
                )
            operands.append(where)
            for i, output in enumerate(outputs, len(arrays)):
                # What is masked is to stay also in the copy that overlap asks for.
                access = "writeonly" if output is None else "readwrite"
                flags[i] = (access, "writemasked", *_WRITTEN)
            flags.append(_MASK)
            dtypes.append(_BOOL)
        try:
            iterator = np.nditer(
                [None if x is None else np.asarray(x) for x in operands],
                _ITERATOR,
                flags,
                dtypes,
                casting="unsafe",
                order=order,
                buffersize=_BLOCK,
            )
        except ValueError as error:
            raise ValueError(f"{self.__name__}(): {error}") from None
        last = len(arrays) + self.nout
        with iterator:
            results = iterator.operands[len(arrays) : last]
            for blocks in iterator if iterator.itersize else ():
                inputs = list(blocks[: len(arrays)])
                for place, value in scalars.items():  # in ascending order of place
                    inputs.insert(place, value)
                mask = blocks[last] if masked else True
                self._run(inputs, blocks[len(arrays) : last], mask, dtype)
        return [result if output is None else output for result, output in zip(results, outputs)]

    def _run(self, inputs, outputs, mask, dtype):
        """Run the loop over one block."""
        narrow = dtype.itemsize == 2
        if not narrow and mask is True:
            self._loop(*inputs, *outputs)
            return
        if narrow:
            inputs = [x.astype(np.float32) for x in inputs]
            dtype = _FLOATS["f"]
        # An output that needs no buffer is the array itself: what is masked must be spared.
        values = [np.empty(output.shape, dtype) for output in outputs]
        self._loop(*inputs, *values)
        for output, value in zip(outputs, values):
            np.copyto(output, value, casting="unsafe", where=mask)

    def _wrap(self, results, inputs, outputs, subok):
        """Give the results the type that NumPy's rules for subclasses give them."""
        wrapper = None
        if subok:
            wrappers = [x for x in inputs if _wraps(x)]
            if wrappers:
                wrapper = max(wrappers, key=_priority).__array_wrap__  # the first of equals
        arguments = (*inputs, *(output for output in outputs if output is not None))
        wrapped = []
        for i, (result, output) in enumerate(zip(results, outputs)):
            if output is not None:
                if subok and _wraps(output):
                    result = output.__array_wrap__(output, (self, arguments, i), False)
            elif wrapper is not None:
                result = wrapper(result, (self, arguments, i), result.ndim == 0)
            elif result.ndim == 0:
                result = result[()]
            wrapped.append(result)
        return tuple(wrapped)


def delegate(ufunc, overriding, inputs, keywords, alone=()):
    """Let the operands that override ufuncs have the call: subclasses first."""
    queue = []
    for x in overriding:
        if any(type(x) is type(other) for other in queue):
            continue
        before = [i for i, other in enumerate(queue) if issubclass(type(x), type(other))]
        queue.insert(before[0] if before else len(queue), x)
    for x in queue:
        if type(x).__array_ufunc__ is None:
            raise TypeError(
                f"operand '{type(x).__name__}' does not support ufuncs "
                f"(__array_ufunc__=None): {ufunc.__name__}"
            )
    for x in queue:
        result = x.__array_ufunc__(ufunc, "__call__", *inputs, **keywords)
        if result is not NotImplemented:
            return result
    names = ", ".join(repr(type(x).__name__) for x in (*inputs, *keywords.get("out", ())))
    error = TypeError(
        f"operand type(s) all returned NotImplemented from __array_ufunc__({ufunc!r}, "
        f"'__call__', ...): {names}"
    )
    if alone:
        return call_each_output(alone, inputs, keywords, error)
    raise error


def public_functions(make_loop):
    """Every public function by name, over the loops that ``make_loop(row, operation)`` makes."""
    ufuncs, public = {}, {}
    for name, row, operation in functions():
        ufuncs[name] = Blockwise(
            name,
            docstring(row, operation),
            len(operation.inputs) + len(row.parameters),
            len(operation.outputs),
            make_loop(row, operation),
            [ufuncs[row.name + alone.suffix] for alone in operation.alone if alone != operation],
        )
        public[name] = publish(ufuncs[name], row, operation)
    return public


def _loop_of(dtype):
    """The dtype of the loop for inputs whose common dtype is `dtype`; None if there is none."""
    if dtype.name == "bfloat16":  # of ml_dtypes, if that is installed
        return dtype
    return _FLOATS.get(_PROMOTED.get(dtype.char, dtype.char))


def _is_plain(x, dtype, shape):
    """Whether `x` is an array that a loop can take as it is."""
    if type(x) is not np.ndarray or x.dtype != dtype or x.shape != shape:
        return False
    flags = x.flags
    # `carray` is not asked: it also wants the array to be writeable.
    return flags.c_contiguous and flags.aligned and x.dtype.isnative


def _overlap(output, block):
    """Whether two plain operands overlap without being the same memory."""
    if output is block or type(block) is not np.ndarray:
        return False
    return np.may_share_memory(output, block) and (
        output.__array_interface__["data"] != block.__array_interface__["data"]
    )


def _wraps(x):
    """Whether `x` has a say in the type of the results."""
    return (
        type(x) is not np.ndarray
        and not isinstance(x, np.generic)
        and hasattr(type(x), "__array_wrap__")
    )


def _priority(x):
    return getattr(x, "__array_priority__", 0.0)
