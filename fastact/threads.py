"""Elementwise functions over several threads, where that is asked for: `threaded`."""

# Design: a call is cut into blocks, and each block is a call of the function itself, whose loop
# holds no GIL. So whatever the function does with dtypes, parameters and masks stays its own; here
# is only what a block must not be left to find out. An empty call comes first: it raises what the
# whole call would raise, before anything is written, and tells the outputs' dtypes. NumPy's
# iterator allocates them as it would have done for the call in one piece.
#
# The calling thread takes blocks too, so a call comes to its end with every helper busy elsewhere
# (nested calls, several callers). No block may run once the call has returned, by an exception or
# Ctrl-C neither: helpers announce themselves before they take a block, by a lock that they hold.
# Locks and not futures, for waiting for these can be interrupted and taken up again at any point.

from __future__ import annotations

import functools
import math
import operator
import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from itertools import pairwise
from threading import Lock

import numpy as np

from fastact.backends._blockwise import Blockwise

#: Elements of a block: less does not pay for the thread, more keeps Ctrl-C waiting.
SMALLEST, LARGEST = 2**15, 2**20
#: Blocks for each thread, so that one that is slowed down takes fewer.
SHARE = 4

_SCALARS = (bool, int, float, np.generic)
_OPTIONS = {"out", "casting", "order", "dtype", "subok", "signature"}


def threaded(function, threads=None):
    """The function, with large calls spread over threads.

    Parameters
    ----------
    function : callable
        An elementwise function of this package, or any other `numpy.ufunc` that works element by
        element. Not the functions over an axis, nor those that sum, such as ``bias_f_backward``.
    threads : int, optional
        How many threads share a call, the calling one among them. By default as many as there are
        CPUs that this process may use.

    Returns
    -------
    callable
        Called as `function` is, with every keyword, and with the same results to the last bit.

    Raises
    ------
    TypeError
        If `function` is something else, or ``threads`` no whole number.
    ValueError
        If ``threads`` is less than 1.

    Notes
    -----
    A call is cut along its outermost axes into blocks of at least 32 K elements. It runs on the
    calling thread alone if no operand has 64 K elements, if an output overlaps an operand other
    than in place, and if an operand is no plain array or number, but say a DataFrame, a subclass
    or a list. The threads are started by the first call that needs them, and again after a fork.

    An exception reaches the caller, Ctrl-C too, when the blocks that are being computed are done:
    nothing is written after that.

    Examples
    --------
    >>> import numpy as np, fastact
    >>> sigmoid = fastact.threaded(fastact.sigmoid, threads=2)
    >>> x = np.linspace(-9, 9, 1_000_000)
    >>> np.array_equal(sigmoid(x), fastact.sigmoid(x))
    True
    """
    if isinstance(function, _Threaded):
        function = function.__wrapped__
    ufunc = getattr(function, "ufunc", function)
    if not isinstance(ufunc, (np.ufunc, Blockwise)) or ufunc.signature is not None:
        raise TypeError(
            f"threaded: {getattr(function, '__name__', repr(function))} is neither an elementwise "
            "function of fastact nor a ufunc that works element by element"
        )
    if threads is None:
        usable = getattr(os, "sched_getaffinity", None)  # there is none on macOS and Windows
        threads = len(usable(0)) if usable else os.cpu_count() or 1
    try:
        count = operator.index(threads)
    except TypeError:
        raise TypeError(f"threaded: threads is {threads!r}, a whole number is needed") from None
    if count < 1:
        raise ValueError(f"threaded: threads is {threads!r}, at least 1 is needed")
    return _Threaded(function, ufunc, count)


class _Threaded:
    """A function of which large calls are spread over threads."""

    def __init__(self, function, ufunc, threads):
        functools.update_wrapper(self, function)
        self._ufunc, self._threads = ufunc, threads

    def __reduce__(self):
        return threaded, (self.__wrapped__, self._threads)

    def __repr__(self):
        return f"threaded({self.__wrapped__!r}, threads={self._threads})"

    def __call__(self, /, *args, **keywords):
        for x in args:
            if type(x) is np.ndarray and x.size >= 2 * SMALLEST and self._threads > 1:
                results = self._split(args, keywords)
                if results is not None:
                    return results if self._ufunc.nout > 1 else results[0]
                break
        return self.__wrapped__(*args, **keywords)

    def _split(self, args, keywords):
        """The outputs of a large call; None if it is not for several threads."""
        outs = keywords.get("out")
        if type(outs) is not tuple:
            outs = args[self._ufunc.nin :] or (outs,) * (self._ufunc.nout if outs is None else 1)
        inputs = [*args[: self._ufunc.nin]]
        inputs += [x for name, x in keywords.items() if name not in _OPTIONS]
        arrays = [x for x in (*inputs, *outs) if type(x) is np.ndarray]
        if (
            len(outs) != self._ufunc.nout
            or not all(type(x) is np.ndarray or isinstance(x, _SCALARS) for x in inputs)
            or not all(type(x) is np.ndarray or x is None for x in outs)
            or any(x.dtype.hasobject for x in arrays)
        ):
            return None
        try:
            shape = np.broadcast(*arrays).shape
        except ValueError:
            return None
        if not _are_separate(outs, arrays, shape):
            return None

        def call(index):
            return self.__wrapped__(
                *(_taken(x, index) for x in args),
                **{name: _taken(x, index) for name, x in keywords.items()},
            )

        empty = call([slice(0)] * len(shape))
        dtypes = [x.dtype for x in (empty if self._ufunc.nout > 1 else (empty,))]
        if any(dtype.hasobject for dtype in dtypes):
            return None
        if any(out is None for out in outs):
            outs = _allocated(arrays, outs, dtypes, keywords.get("order", "K"))
            keywords = keywords | {"out": outs}
        size = math.prod(shape)
        block = min(max(size // (self._threads * SHARE), SMALLEST), LARGEST)
        axes = sorted(range(len(shape)), key=lambda axis: -abs(outs[0].strides[axis]))
        blocks = _blocks([slice(None)] * len(shape), axes, shape, size, block)
        _share(self._threads, list(blocks), call)
        return outs


def _taken(x, index):
    """The part of an operand, or of each of a tuple, that broadcasts to a part of the result."""
    if type(x) is tuple:
        return tuple(_taken(member, index) for member in x)
    if type(x) is not np.ndarray or not x.ndim:
        return x
    inner = zip(index[-x.ndim :], x.shape)
    return x[tuple(part if length > 1 else slice(None) for part, length in inner)]


def _are_separate(outs, arrays, shape):
    """Whether parts of the given outputs can be written independently of all other parts."""
    given = [out for out in outs if out is not None]
    for out in given:
        if any(np.may_share_memory(x, out) and _memory(x) != _memory(out) for x in arrays):
            return False
        extent = out.itemsize  # of what lies inside an axis: it must not fold back on it
        for stride, length in sorted((abs(s), n) for s, n in zip(out.strides, out.shape) if n > 1):
            if stride < extent:
                return False
            extent += stride * (length - 1)
    return all(out.shape == shape for out in given)


def _memory(x):
    return x.shape, x.strides, x.__array_interface__["data"]


def _allocated(arrays, outs, dtypes, order):
    """The outputs, made where they are not given."""
    given = [None] * len(arrays)
    iterator = np.nditer(
        [*arrays, *outs],
        ["multi_index"],
        [["readonly"]] * len(arrays) + [["writeonly", "allocate"]] * len(outs),
        given + [dtype if out is None else None for dtype, out in zip(dtypes, outs)],
        order=order,
    )
    made = iterator.operands[len(arrays) :]
    return tuple(new if out is None else out for new, out in zip(made, outs))


def _blocks(index, axes, shape, size, block):
    """Yield indices of parts of `block` to twice as many elements, cutting the first axes first."""
    if size < 2 * block:
        yield tuple(index)
        return
    axis, *inner = axes
    length = shape[axis]
    parts = min(length, size // block)
    # Within a row, at the boundaries of cache lines.
    edges = [(i * length // parts) & (-1 if inner else -16) for i in range(parts)] + [length]
    for start, stop in pairwise(edges):
        index[axis] = slice(start, stop)
        yield from _blocks(index, inner, shape, size // parts, block)


def _share(threads, blocks, run):
    """Call `run` with every block, here and on helpers; return or raise when all are at rest."""
    waiting, helpers, errors = deque(blocks), [], []

    def work():
        while waiting:
            try:
                block = waiting.popleft()
            except IndexError:  # another thread was quicker
                return
            run(block)

    def help_out():
        lock = Lock()
        with lock:
            helpers.append(lock)
            try:
                work()
            except BaseException as error:
                waiting.clear()
                errors.append(error)

    def finish():
        try:
            waiting.clear()
            for lock in helpers:
                with lock:
                    pass
        except BaseException:  # Ctrl-C once more
            finish()
            raise

    try:
        with suppress(RuntimeError):  # no thread can be had, or Python is about to exit
            pool = _pool(threads - 1)
            for _ in range(min(threads, len(blocks)) - 1):
                pool.submit(copy_context().run, help_out)  # with the caller's np.errstate
        work()
    finally:
        finish()
    if errors:
        raise errors[0]


@functools.cache
def _pool(threads):
    return ThreadPoolExecutor(threads, "fastact")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)
