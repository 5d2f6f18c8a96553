"""The call of a function whose parameters have defaults."""

# Design: a call on 64 elements takes 0.1 us, so what stands before the ufunc counts: converting a
# Python scalar takes 0.3 us, a call with unpacked arguments 0.1 us, a Python function that takes
# `*given` and `**keywords` 0.15 us. So the common call, of plain arrays without a parameter, goes
# straight to the ufunc with arrays of the defaults, or of the floats that it was given as the last
# time, and setup.py compiles this very file: it adds 0.05 us instead of 0.25 to 0.4, and 0.1
# instead of 1.2 with floats. Where it is not compiled, it is imported as it stands.

from contextlib import suppress

import numpy as np

FLOAT32, FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)

_MISSING = object()


def with_defaults(ufunc, operands, names, defaults, conditions):
    """A function over `ufunc` with defaults and checks of its trailing parameters.

    Parameters
    ----------
    ufunc : callable
        Takes `operands` operands, one or two, and the parameters, one or two.
    operands : int
    names : list of str
    defaults : tuple
        None for a parameter that has to be given.
    conditions : list of callable
        Each called with the function's name and a dict of the parameters; raises ValueError.
    """
    optional = None not in defaults
    # The second is None where there is one.
    singles, doubles = (
        tuple(np.array(default, dtype) for default in defaults) + (None,) * (2 - len(names))
        if optional
        else (None, None)
        for dtype in (FLOAT32, FLOAT64)
    )
    array, count = np.ndarray, len(names)
    # A dtype, floats that were given, their arrays. Looked at in both functions, for a call of a
    # third would cost the 25 ns of 180 that it saves.
    recent = None, None, None, None, None

    def of_one(x=_MISSING, /, *given, out=None, **keywords):
        if not keywords and type(x) is array:
            dtype = x.dtype
            if dtype is FLOAT32 or dtype is FLOAT64:
                if not given:
                    a, b = singles if dtype is FLOAT32 else doubles
                else:
                    known, first, last, a, b = recent
                    if (
                        dtype is not known
                        or len(given) != count
                        or given[0] is not first
                        or given[count - 1] is not last
                    ):
                        a, b = arrays_of(given, dtype)
                if a is not None:
                    if out is None:
                        return ufunc(x, a) if b is None else ufunc(x, a, b)
                    return ufunc(x, a, out=out) if b is None else ufunc(x, a, b, out=out)
        return general((x, *given), out, keywords)

    def of_two(grad=_MISSING, x=_MISSING, /, *given, out=None, **keywords):
        if not keywords and type(x) is array and type(grad) is array:
            dtype = x.dtype
            if dtype is grad.dtype and (dtype is FLOAT32 or dtype is FLOAT64):
                if not given:
                    a, b = singles if dtype is FLOAT32 else doubles
                else:
                    known, first, last, a, b = recent
                    if (
                        dtype is not known
                        or len(given) != count
                        or given[0] is not first
                        or given[count - 1] is not last
                    ):
                        a, b = arrays_of(given, dtype)
                if a is not None:
                    if out is None:
                        return ufunc(grad, x, a) if b is None else ufunc(grad, x, a, b)
                    if b is None:
                        return ufunc(grad, x, a, out=out)
                    return ufunc(grad, x, a, b, out=out)
        return general((grad, x, *given), out, keywords)

    def arrays_of(given, dtype):
        """The parameters as arrays, or None for the first where that is not simple."""
        nonlocal recent
        if len(given) != count:
            return None, None
        first, last = given[0], given[count - 1]
        if type(first) is array and type(last) is array and not conditions:
            return first, last if count > 1 else None
        # NaN and what float32 may not hold is left to the ufunc.
        if type(first) is not float or type(last) is not float:
            return None, None
        if not (abs(first) < 1e38 and abs(last) < 1e38):
            return None, None
        for condition in conditions:
            condition(ufunc.__name__, dict(zip(names, given)))
        a, b = np.array(first, dtype), np.array(last, dtype) if count > 1 else None
        recent = dtype, first, last, a, b
        return a, b

    def general(args, out, keywords):
        """Put the parameters where the ufunc has them, default what is left, check all."""
        args = [x for x in args if x is not _MISSING]
        if not keywords and out is None:  # nothing to be put right, nothing to be checked
            if optional and len(args) == operands:
                return ufunc(*args, *in_dtype_of_frames(args, defaults))
            if not conditions and len(args) == operands + len(names):
                given = in_dtype_of_frames(args[:operands], args[operands:])
                return ufunc(*args[:operands], *given)
        if not operands <= len(args) <= operands + len(names):
            raise TypeError(
                f"{ufunc.__name__}{function.__signature__} takes {operands} to "
                f"{operands + len(names)} positional arguments, got {len(args)}"
            )
        given = args[operands:]
        for position, name in enumerate(names):
            if position >= len(given):
                given.append(keywords.pop(name, defaults[position]))
                if given[position] is None:
                    raise TypeError(f"{ufunc.__name__}() needs {name}, which has no default")
            elif name in keywords:
                raise TypeError(f"{ufunc.__name__}() got {name} twice")
        for condition in conditions:
            condition(ufunc.__name__, dict(zip(names, given)))
        if out is not None:
            keywords["out"] = out
        given = in_dtype_of_frames(args[:operands], given)
        return ufunc(*args[:operands], *given, **keywords)

    function = of_one if operands == 1 else of_two
    return function


def in_dtype_of_frames(operands, given):
    """Parameters beside a DataFrame in its float dtype, for pandas takes numbers for float64."""
    for x in operands:
        if hasattr(x, "dtypes") and not hasattr(x, "dtype"):
            with suppress(TypeError, ValueError):  # a dtype that is pandas' own, no columns
                dtype = np.result_type(*(dtype for _, dtype in x.dtypes.items()))
                if dtype.kind == "f":
                    return [np.array(a, dtype) if type(a) in (int, float) else a for a in given]
    return given
