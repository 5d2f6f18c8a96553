"""From a row of the table and a ufunc to the public function: docstring, defaults, checks."""

from __future__ import annotations

import importlib.util
import inspect
import os
from contextlib import suppress
from functools import cache

import numpy as np

from fastact import _examples, backends

try:
    from fastact import _defaults
except ImportError as error:  # of the compiled file; its source stands beside it
    backends.warn_of(error)
    _spec = importlib.util.spec_from_file_location(
        "fastact._defaults", os.path.join(os.path.dirname(__file__), "_defaults.py")
    )
    _defaults = importlib.util.module_from_spec(_spec)
    _spec.loader.exec_module(_defaults)

_OPERAND_DOCS = {
    "x": "Input.",
    "b": "Bias, added to `x`. Broadcasts.",
    "grad": "Gradient with respect to the output.",
    "y": "Saved output of the activation; the derivative's tail is lost where it has saturated.",
}


def signature(row, operation):
    """The public function's signature, with the keywords that every ufunc takes."""
    kinds = inspect.Parameter
    parameters = [kinds(name, kinds.POSITIONAL_ONLY) for name in operation.inputs]
    parameters += [
        kinds(
            parameter.name,
            kinds.POSITIONAL_OR_KEYWORD,
            default=kinds.empty if parameter.default is None else parameter.default,
        )
        for parameter in row.parameters
    ]
    parameters.append(kinds("out", kinds.KEYWORD_ONLY, default=None))
    parameters.append(kinds("ufunc_keywords", kinds.VAR_KEYWORD))
    return inspect.Signature(parameters)


@cache
def docstring(row, operation):
    """The numpydoc docstring of one operation of an activation, from its row."""
    operands = [f"{name} : array_like\n    {_OPERAND_DOCS[name]}" for name in operation.inputs]
    for parameter in row.parameters:
        given = parameter.default is None
        operands.append(
            f"{parameter.name} : array_like{'' if given else ', optional'}\n"
            f"    {parameter.summary.capitalize()}. "
            f"Broadcasts.{'' if given else f' Default {parameter.default:g}.'}"
        )
    operands.append(
        "out, where, casting, order, dtype, subok : optional\n"
        "    As in every NumPy ufunc; see `numpy.ufunc`."
    )
    results = [
        f"{output} : ndarray or scalar\n    Of the operands' broadcast shape."
        for output in operation.outputs
    ]
    errors = ["TypeError\n    For dtypes that do not promote to a float of 64 bits or less."]
    conditions = " and ".join(operation.conditions(row))
    if conditions:
        errors.append(
            f"ValueError\n    Unless {conditions}; in arrays, NaN where it does not hold."
        )
    notes = [f"``f(x) = {row.formula}`` [1]_"]
    if row.kinks and operation.suffix:
        notes += [f"At x = {x} the derivative is taken as {slope}." for x, slope in row.kinks]
    value, derivative = row.max_ulp
    if "f(x)" in operation.outputs:
        notes.append(_accuracy("f(x)", value))
    if operation.suffix:
        notes.append(_accuracy("f'(x)", derivative))
    notes.append(
        "float16, float32 and float64 give themselves, integers and bool what `numpy.tanh` "
        "gives. NaN gives NaN. The kernels raise no floating-point warning; "
        "a cast to a smaller float, asked for by `out` or `dtype`, is NumPy's and may."
    )
    if row.aliases:
        names = " and ".join(f"`{alias}{operation.suffix}`" for alias in row.aliases)
        notes.append(f"Also called {names}.")
    return "\n\n".join(
        [
            f"{row.name}: {operation.summary}.",
            f"Computes ``{', '.join(operation.outputs)}`` elementwise.",
            _section("Parameters", operands),
            _section("Returns", results),
            _section("Raises", errors),
            "Notes\n-----\n" + "\n\n".join(notes),
            _section("References", [f".. [1] {row.reference}"]),
            _section("Examples", _examples.elementwise(row, operation)),
        ]
    )


def _accuracy(what, ulp):
    return f"Maximal error of {what}: {f'{ulp} ulp' if ulp else 'half an ulp, rounded correctly'}."


def _section(title, entries):
    return "\n".join([title, "-" * len(title), *entries])


def publish(ufunc, row, operation):
    """The public function of a ufunc: itself, or with parameters a function with defaults."""
    if not row.parameters:
        return ufunc
    return _with_defaults(ufunc, row, operation)


def _with_defaults(ufunc, row, operation):
    """A function over `ufunc` with the row's defaults and checks of its parameters."""
    names = [parameter.name for parameter in row.parameters]
    function = _defaults.with_defaults(
        ufunc,
        len(operation.inputs),
        names,
        tuple(parameter.default for parameter in row.parameters),
        [_condition(text, names) for text in operation.conditions(row)],
    )
    function.__name__ = function.__qualname__ = ufunc.__name__
    function.__module__ = "fastact"  # where pickle finds it
    function.__doc__ = docstring(row, operation)
    function.__signature__ = signature(row, operation)
    function.ufunc = ufunc
    with suppress(AttributeError):  # below NumPy 2.2, where pickle looks into all modules
        ufunc.__module__ = "fastact.ufuncs"
    return function


def overrides(x):
    """Whether the type of `x` has an ``__array_ufunc__`` of its own."""
    method = getattr(type(x), "__array_ufunc__", np.ndarray.__array_ufunc__)
    return method is not np.ndarray.__array_ufunc__


def call_each_output(ufuncs, args, keywords, error):
    """The outputs of a refused call from a ufunc each, if an operand is of another library.

    Dask's types know only NumPy's own ufuncs of several outputs.
    """
    out = keywords.pop("out", None) or args[ufuncs[0].nin :] or (None,) * len(ufuncs)
    args = args[: ufuncs[0].nin]
    if not any(map(overrides, (*args, *out))) or len(out) != len(ufuncs):
        raise error
    return tuple(ufunc(*args, out=output, **keywords) for ufunc, output in zip(ufuncs, out))


def _condition(text, names):
    """A check that scalar parameters meet a condition of the table; ValueError if not."""
    code = compile(text, text, "eval")
    concerned = [name for name in names if name in code.co_names]

    def check(function, parameters):
        values = {name: parameters[name] for name in concerned}
        if not all(map(_is_real_scalar, values.values())) or eval(code, {}, values):
            return
        if all(value == value for value in values.values()):  # NaN has NaN for an answer
            given = " and ".join(f"{name} is {value}" for name, value in values.items())
            raise ValueError(f"{function}: {given}, but {text} is needed")

    return check


def _is_real_scalar(value):
    kind = type(value)
    return (
        kind is float
        or kind is int
        or (np.ndim(value) == 0 and np.asarray(value).dtype.kind in "biuf")
    )
