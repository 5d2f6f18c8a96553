"""From a row of the table and a ufunc to the public function: docstring, defaults, checks."""

from __future__ import annotations

import inspect

import numpy as np

from fastact.activations import REALS

FLOAT32, FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)

_OPERAND_DOCS = {
    "x": "Input.",
    "grad": "Gradient with respect to the output.",
    "y": "Saved output of the activation; the derivative's tail is lost where it has saturated.",
}


def signature(row, operation):
    """The public function's signature, with the keywords that every ufunc takes."""
    kinds = inspect.Parameter
    parameters = [kinds(name, kinds.POSITIONAL_ONLY) for name in operation.inputs]
    parameters += [
        kinds(parameter.name, kinds.POSITIONAL_OR_KEYWORD, default=parameter.default)
        for parameter in row.parameters
    ]
    parameters.append(kinds("out", kinds.KEYWORD_ONLY, default=None))
    parameters.append(kinds("ufunc_keywords", kinds.VAR_KEYWORD))
    return inspect.Signature(parameters)


def docstring(row, operation):
    """The numpydoc docstring of one operation of an activation, from its row."""
    operands = [f"{name} : array_like\n    {_OPERAND_DOCS[name]}" for name in operation.inputs]
    for parameter, domain in zip(row.parameters, operation.domains(row)):
        needed = "" if domain == REALS else f"; needs {domain.condition(parameter.name)}"
        operands.append(
            f"{parameter.name} : array_like, optional\n"
            f"    {parameter.summary.capitalize()}{needed}. "
            f"Broadcasts. Default {parameter.default:g}."
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
    if any(domain != REALS for domain in operation.domains(row)):
        errors.append("ValueError\n    For a scalar parameter outside its domain.")
    notes = [f"f(x) = {row.formula}"]
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
    return "\n\n".join(
        [
            f"{row.name}: {operation.summary}.",
            f"Computes ``{', '.join(operation.outputs)}`` elementwise.",
            _section("Parameters", operands),
            _section("Returns", results),
            _section("Raises", errors),
            "Notes\n-----\n" + "\n\n".join(notes),
            _section("References", [f".. [1] {row.reference}"]),
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
    """A function over `ufunc` with the row's defaults and checks of its parameters.

    The common call, a lone parameter left to its default, is kept short, for it is of the
    order of a call of the ufunc: converting a Python scalar takes 0.3 us, unpacking arguments
    0.2 us, looking a dtype up in a dict 0.05 us, a keyword 0.03 us.
    """
    names = [parameter.name for parameter in row.parameters]
    defaults = [parameter.default for parameter in row.parameters]
    bounded = [(i, d) for i, d in enumerate(operation.domains(row)) if d != REALS]
    single, double = (np.array(defaults[0], dtype) for dtype in (FLOAT32, FLOAT64))
    count = len(operation.inputs)
    # What may be passed on by position; several outputs come as a tuple, by name.
    array = np.ndarray if len(operation.outputs) == 1 else None

    def of_one(x, /, *given, out=None, **keywords):
        if given or keywords or (out is not None and type(out) is not array):
            parameter = lone(given, keywords, out)
            if parameter is None:
                return general((x, *given), out, keywords)
        else:
            try:
                dtype = x.dtype
            except AttributeError:
                dtype = None
            parameter = single if dtype is FLOAT32 else double if dtype is FLOAT64 else defaults[0]
        return ufunc(x, parameter) if out is None else ufunc(x, parameter, out)

    def of_two(grad, x, /, *given, out=None, **keywords):
        if given or keywords or (out is not None and type(out) is not array):
            parameter = lone(given, keywords, out)
            if parameter is None:
                return general((grad, x, *given), out, keywords)
        else:
            try:
                dtype = x.dtype if x.dtype is grad.dtype else None
            except AttributeError:
                dtype = None
            parameter = single if dtype is FLOAT32 else double if dtype is FLOAT64 else defaults[0]
        return ufunc(grad, x, parameter) if out is None else ufunc(grad, x, parameter, out)

    def lone(given, keywords, out):
        """The parameter if nothing else is given and it needs no check, else None."""
        if bounded or (out is not None and type(out) is not array):
            return None
        if len(given) == 1 and not keywords:
            return given[0]
        return keywords.get(names[0]) if len(keywords) == 1 and not given else None

    def of_any(*args, out=None, **keywords):
        return general(args, out, keywords)

    def general(args, out, keywords):
        """Put the parameters where the ufunc has them, default what is left, check all."""
        if not count <= len(args) <= count + len(names):
            raise TypeError(
                f"{ufunc.__name__}{function.__signature__} takes {count} to "
                f"{count + len(names)} positional arguments, got {len(args)}"
            )
        given = list(args[count:])
        for position, name in enumerate(names):
            if position >= len(given):
                given.append(keywords.pop(name, defaults[position]))
            elif name in keywords:
                raise TypeError(f"{ufunc.__name__}() got {name} twice")
        for position, domain in bounded:
            value = given[position]
            if _is_real_scalar(value) and (value < domain.low or value > domain.high):
                name = names[position]
                raise ValueError(
                    f"{ufunc.__name__}: {name} is {value}, but {domain.condition(name)} is needed"
                )
        if out is not None:
            keywords["out"] = out
        return ufunc(*args[:count], *given, **keywords)

    function = of_any if len(names) > 1 else of_one if count == 1 else of_two
    function.__name__ = function.__qualname__ = ufunc.__name__
    function.__module__ = "fastact"  # where pickle finds it
    function.__doc__ = docstring(row, operation)
    function.__signature__ = signature(row, operation)
    function.ufunc = ufunc
    return function


def _is_real_scalar(value):
    kind = type(value)
    return (
        kind is float
        or kind is int
        or (np.ndim(value) == 0 and np.asarray(value).dtype.kind in "biuf")
    )
