"""Functions of the table under another library's names, with its arguments, defaults and kinks."""

# Design: a library's module maps its names to a `Like`, which holds what differs from the row of
# the table; all else comes from the row. A function has the library's signature. Its common call
# passes the arguments on as they come: `inspect.Signature.bind` takes 6 us and is for the others.

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass, field

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

import fastact
from fastact._public import _OPERAND_DOCS, _section
from fastact.activations import ACTIVATIONS, OPERATIONS

_ROWS = {name: row for row in ACTIVATIONS.values() for name in (row.name, *row.aliases)}


@dataclass(frozen=True)
class Like:
    """A library's function as a row of the table, and what differs from it."""

    #: The row's name or an alias; or such names by the values of the argument `approximate`, of
    #: which the first is the default.
    row: str | dict
    #: The library's names of the row's parameters.
    renamed: dict[str, str] = field(default_factory=dict)
    #: The library's defaults, by the row's names.
    defaults: dict[str, float] = field(default_factory=dict)
    #: Whether the library's function has the row's parameters.
    parameters: bool = True
    #: Where the derivative is another than the table's: the point and the slope.
    kinks: dict[float, float] = field(default_factory=dict)

    def rows(self):
        """The row by each value of `approximate`; by None if there is no such argument."""
        names = self.row if isinstance(self.row, dict) else {None: self.row}
        return {value: _ROWS[name] for value, name in names.items()}


def offer(namespace, library, names, derivatives=True):
    """Put the functions of `names`, a dict of `Like`, into a module's namespace.

    Without `derivatives` only the activations themselves, as a graph's operators: operands by
    position, parameters by keyword.
    """
    for name, like in names.items():
        for operation in OPERATIONS if derivatives else OPERATIONS[:1]:
            if like.kinks and "y" in operation.inputs:
                continue  # an output does not tell whether the input was at the kink
            if all(operation in row.operations() for row in like.rows().values()):
                function = _function(like, operation, graph=not derivatives)
                put(namespace, name + operation.suffix, function)
                function.__doc__ = _docstring(f"{library}.{name}", function, like, operation)


def put(namespace, name, function):
    """Put a function into a module's namespace as if it were written there."""
    function.__name__ = function.__qualname__ = name
    function.__module__ = namespace["__name__"]  # where pickle finds it
    namespace[name] = function
    namespace["__all__"].append(name)


def put_composed(namespace, value, derivative):
    """Put an activation that is no row, its derivative, and what follows from the two."""

    def with_derivative(*args, **keywords):
        return value(*args, **keywords), derivative(*args, **keywords)

    def backward(grad, *args, **keywords):
        return np.multiply(grad, derivative(*args, **keywords))

    name, signature = value.__name__, inspect.signature(value)
    grad = inspect.Parameter("grad", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    with_derivative.__signature__ = signature
    backward.__signature__ = signature.replace(parameters=[grad, *signature.parameters.values()])
    functions = value, derivative, with_derivative, backward
    for operation, function in zip(OPERATIONS, functions):
        function.__doc__ = function.__doc__ or f"{name}: {operation.summary}."
        put(namespace, name + operation.suffix, np.errstate(all="ignore")(function))


def put_sparse(namespace, at_bounds):
    """Put sparse_sigmoid and its integral sparse_plus; `at_bounds` is the first's slope there."""
    slopes = with_kinks(fastact.hard_tanh_derivative, dict.fromkeys((-1, 1), 2 * at_bounds), 1)

    def sparse_sigmoid(x):
        """sparse_sigmoid: (x + 1) / 2, no less than 0 and no more than 1."""
        return (fastact.hard_tanh(x) + 1) / 2

    def sparse_sigmoid_derivative(x):
        return slopes(x) / 2

    def sparse_plus(x):
        """sparse_plus: (x + 1)^2 / 4 between -1 and 1, 0 below and x above."""
        y = sparse_sigmoid(x)
        return np.maximum(x, y * y)

    def sparse_plus_derivative(x):
        return sparse_sigmoid(x)

    put_composed(namespace, sparse_sigmoid, sparse_sigmoid_derivative)
    put_composed(namespace, sparse_plus, sparse_plus_derivative)


def over_axes(function, x, axis, keepdims=True):
    """`function` of one axis over several taken as one; over all if `axis` is None.

    `keepdims` says whether it keeps its axis, or reduces it.
    """
    if type(axis) is int:
        return function(x, axis)
    x = np.asarray(x)
    axes = normalize_axis_tuple(range(x.ndim) if axis is None else axis, x.ndim)
    order = [i for i in range(x.ndim) if i not in axes] + list(axes)
    moved = x.transpose(order)
    outer, inner = moved.shape[: x.ndim - len(axes)], moved.shape[x.ndim - len(axes) :]
    result = function(moved.reshape(*outer, int(np.prod(inner))), -1)
    return result.reshape(moved.shape).transpose(np.argsort(order))[()] if keepdims else result


def _function(like, operation, graph):
    """One operation of a library's function."""
    kinds = inspect.Parameter
    rows = like.rows()
    row, *_ = rows.values()
    kind = kinds.POSITIONAL_ONLY if graph else kinds.POSITIONAL_OR_KEYWORD
    parameters = [kinds(operand, kind) for operand in operation.inputs]
    kind = kinds.KEYWORD_ONLY if graph else kind
    for parameter in row.parameters if like.parameters else ():
        name = like.renamed.get(parameter.name, parameter.name)
        default = like.defaults.get(parameter.name, parameter.default)
        parameters.append(kinds(name, kind, default=kinds.empty if default is None else default))
    if len(rows) > 1:
        parameters.append(kinds("approximate", kind, default=next(iter(rows))))
    signature = inspect.Signature(parameters)
    least = sum(parameter.default is kinds.empty for parameter in parameters)
    most = sum(parameter.kind is not kinds.KEYWORD_ONLY for parameter in parameters)
    # Where the defaults are the table's they are left to fastact, which has them at hand.
    own = like.defaults or len(rows) > 1
    defaults = tuple(parameter.default for parameter in parameters[least:] if own)
    kernels = {value: getattr(fastact, row.name + operation.suffix) for value, row in rows.items()}
    call = _chosen(kernels) if len(rows) > 1 else kernels[None]
    if like.kinks and operation.suffix:
        call = with_kinks(call, like.kinks, len(operation.inputs))

    def function(*args, **keywords):
        if keywords or not least <= len(args) <= most:
            try:
                bound = signature.bind(*args, **keywords)
            except TypeError as error:
                raise TypeError(f"{function.__name__}{signature}: {error}") from None
            bound.apply_defaults()
            return call(*bound.args, *bound.kwargs.values())
        return call(*args, *defaults[len(args) - least :])

    function.__signature__ = signature
    return function


def _chosen(kernels):
    """A function whose last argument, `approximate`, chooses the kernel."""

    def call(*args):
        *operands, approximate = args
        for value, kernel in kernels.items():
            if value is approximate or value == approximate:
                return kernel(*operands)
        known = " or ".join(map(repr, kernels))
        raise ValueError(f"gelu: approximate is {approximate!r}, but must be {known}")

    return call


def with_kinks(kernel, kinks, operands):
    """A kernel whose last output is, or has for a factor, other slopes at some points."""

    def call(*args):
        results = kernel(*args)
        *values, slopes = results if isinstance(results, tuple) else (results,)
        slopes = slopes if type(slopes) is np.ndarray else np.array(slopes)
        x = np.asarray(args[operands - 1])
        for kink, slope in kinks.items():
            there = slope if operands == 1 else np.multiply(args[0], slope)
            np.copyto(slopes, there, where=x == kink, casting="unsafe")
        return (*values, slopes[()]) if values else slopes[()]

    return call


def _docstring(original, function, like, operation):
    """The numpydoc docstring of an operation of the library's function `original`."""
    summaries = dict(_OPERAND_DOCS, approximate="Which of the formulas below is meant.")
    notes = []
    for value, row in like.rows().items():
        theirs = {p.name: like.renamed.get(p.name, p.name) for p in row.parameters}
        if not like.parameters:
            theirs = {p.name: f"{p.default:g}" for p in row.parameters}

        def translated(text, theirs=theirs):
            return re.sub(r"[a-z]\w*", lambda word: theirs.get(word[0], word[0]), text)

        condition = "" if value is None else f" where approximate is {value!r}"
        notes.append(f"f(x) = {translated(row.formula)}{condition}")
        for x, slope in like.kinks.items() or row.kinks if operation.suffix else ():
            x, slope = translated(str(x)), translated(str(slope))
            notes.append(f"At x = {x} the derivative is taken as {slope}.")
        for p in row.parameters:
            summaries[theirs[p.name]] = f"{translated(p.summary).capitalize()}. Broadcasts."
    entries = [
        f"{p.name} : {'array_like' if p.name != 'approximate' else type(p.default).__name__}"
        f"{'' if p.default is p.empty else f', default {p.default!r}'}\n    {summaries[p.name]}"
        for p in function.__signature__.parameters.values()
    ]
    return "\n\n".join(
        [
            f"{original}: {operation.summary}.",
            f"Computes ``{', '.join(operation.outputs)}`` elementwise.",
            _section("Parameters", entries),
            "Notes\n-----\n" + "\n\n".join(notes),
        ]
    )
