"""The table is true: every field of a row is checked, and every check finds a lie.

The facts follow from the formula; what the formula cannot tell (accuracy, the choice at a kink)
is checked against the implementations in the other files.
"""

import ast
import itertools
import re
from dataclasses import fields, replace
from math import inf, isfinite

import oracle
import pytest
from oracle import mp

from fastact.activations import (
    ACTIVATIONS,
    OPERATIONS,
    REALS,
    Activation,
    Interval,
    Operation,
    Parameter,
    functions,
)

#: What an activation costs no more than a comparison for; anything else of mpmath's is an "exp".
CHEAP = {"max", "min", "abs", "fabs", "sign", "sqrt"}
GRID = [mp.mpf(n) / 8 for n in range(-64, 65)]
FAR = [s * mp.mpf(10) ** k for k in range(1, 31) for s in (-1, 1)]
TINY = mp.mpf(10) ** -30


def settings(row):
    """Parameters to check a row with: the defaults, and others of the domains."""
    return oracle.parameter_values(row, OPERATIONS[0])


def names_in(expression):
    return {node.id for node in ast.walk(ast.parse(expression)) if isinstance(node, ast.Name)}


# The checks, one a field ---------------------------------------------------------------------


def check_name(row):
    assert row.name.isidentifier() and row.name == row.name.lower()
    assert ACTIVATIONS.get(row.name, row).formula == row.formula, "the name of another row"
    suffixes = [operation.suffix for operation in OPERATIONS if operation.suffix]
    assert not any(row.name.endswith(suffix) for suffix in suffixes)


def check_formula(row):
    """It uses x and the parameters, all of them, and is no constant."""
    used = names_in(row.formula)
    assert {"x", *(parameter.name for parameter in row.parameters)} <= used
    assert len({oracle.value(row, x, oracle.defaults(row)) for x in GRID}) > 3


def check_parameters(row):
    names = [parameter.name for parameter in row.parameters]
    assert len(set(names)) == len(names)
    assert set(names) <= names_in(row.formula)
    free = names_in(row.formula) - CHEAP - set(names)
    assert {n for n in free if not hasattr(mp, n)} <= {"x"}
    for parameter in row.parameters:
        assert parameter.name.isidentifier() and parameter.summary
        assert isfinite(parameter.default) and parameter.default in parameter.domain


def check_range(row):
    """Every value is inside, and both ends are approached."""
    for parameters in settings(row):
        low, high = oracle.bounds(row, parameters)
        values = [oracle.value(row, x, parameters) for x in GRID + FAR]
        assert all(low <= v <= high for v in values)
        for end, reached in (low, min(values)), (high, max(values)):
            if mp.isinf(end):
                assert abs(reached) > 1000
            else:
                assert abs(end - reached) < mp.mpf("1e-9")


def check_saturates(row):
    far, defaults = mp.mpf(10) ** 30, oracle.defaults(row)
    slopes = {sign: oracle.derivative(row, sign * far, defaults) for sign in (-1, 1)}
    vanishing = {s * inf for s, slope in slopes.items() if abs(slope) < mp.mpf("1e-20")}
    assert set(row.saturates) == vanishing
    assert len(row.saturates) == len(set(row.saturates))


def check_zero_centred(row):
    values = [oracle.value(row, x, oracle.defaults(row)) for x in GRID]
    assert row.zero_centred == (abs(sum(values)) / len(values) < TINY)


def check_cost(row):
    used = names_in(row.formula) - {"x", *(parameter.name for parameter in row.parameters)}
    if row.formula == "x":
        assert row.cost == "copy"
    else:
        assert row.cost == ("exp" if used - CHEAP else "max")


def check_max_ulp(row):
    """Exact where nothing is approximated, and nowhere else."""
    assert len(row.max_ulp) == 2
    for promise in row.max_ulp:
        assert isinstance(promise, int)
        assert promise > 0 if row.cost == "exp" else promise == 0


def check_reference(row):
    assert re.fullmatch(r"[A-Z].*\w.*\.", row.reference)


def quotients(row, x, parameters):
    """The difference quotients to the left and to the right of x, at 50 digits."""
    h = mp.mpf(10) ** -20
    middle = oracle.value(row, x, parameters)
    left = (middle - oracle.value(row, x - h, parameters)) / h
    return left, (oracle.value(row, x + h, parameters) - middle) / h


def check_kinks(row):
    """The two sides differ at a kink and nowhere else; what is returned is one of them."""
    for parameters in settings(row):
        kinks = oracle.kinks(row, parameters)
        assert len(kinks) == len(row.kinks)
        for x in {*GRID, *kinks}:
            left, right = quotients(row, x, parameters)
            if x in kinks:
                assert any(abs(kinks[x] - side) < mp.mpf("1e-15") for side in (left, right))
            else:
                assert abs(left - right) < mp.mpf("1e-15")
    for number in range(len(row.kinks)):  # some parameters may straighten it, not all
        sides = [
            quotients(row, list(oracle.kinks(row, parameters))[number], parameters)
            for parameters in settings(row)
        ]
        assert any(abs(left - right) > mp.mpf("1e-3") for left, right in sides)


def output_determines_derivative(row, parameters):
    """Whether no two inputs with one output have two derivatives."""
    values = [oracle.value(row, x, parameters) for x in GRID]
    for y, x in zip(values[::5], GRID[::5]):
        slope = oracle.derivative(row, x, parameters)
        for (a, b), (left, right) in zip(itertools.pairwise(GRID), itertools.pairwise(values)):
            if left == y:
                other = a
            elif (left - y) * (right - y) < 0:
                other = mp.findroot(
                    lambda t: oracle.value(row, t, parameters) - y, (a, b), solver="bisect"
                )
            else:
                continue
            if abs(oracle.derivative(row, other, parameters) - slope) > mp.mpf("1e-15"):
                return False
    return True


def check_from_output(row):
    """The output determines the derivative within the intervals, and not outside of them."""
    if row.from_output is None:
        assert not all(output_determines_derivative(row, p) for p in settings(row))
        return
    assert len(row.from_output) == len(row.parameters)
    inside = [p for p in settings(row) if all(v in d for v, d in zip(p, row.from_output))]
    assert oracle.defaults(row) in inside
    for domain in row.from_output:
        for end in domain.low, domain.high:
            if isfinite(end):
                inside.append((end,) * len(row.parameters))
    for parameters in inside:
        assert output_determines_derivative(row, parameters)
    for place, domain in enumerate(row.from_output):
        for outside in domain.low - 0.25, domain.high + 0.25:
            if isfinite(outside):
                parameters = list(oracle.defaults(row))
                parameters[place] = outside
                assert not output_determines_derivative(row, tuple(parameters))


CHECKS = {
    "name": check_name,
    "formula": check_formula,
    "range": check_range,
    "saturates": check_saturates,
    "zero_centred": check_zero_centred,
    "cost": check_cost,
    "max_ulp": check_max_ulp,
    "reference": check_reference,
    "parameters": check_parameters,
    "kinks": check_kinks,
    "from_output": check_from_output,
}


def test_no_field_is_unchecked():
    assert list(CHECKS) == [field.name for field in fields(Activation)]


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
def test_row(row, check):
    check(row)


def lies():
    """Rows with one false field each, and that field."""
    identity, relu, leaky_relu, sigmoid, tanh = (
        ACTIVATIONS[name] for name in ("identity", "relu", "leaky_relu", "sigmoid", "tanh")
    )
    slope = leaky_relu.parameters[0]
    yield relu, "name", "Relu"
    yield relu, "name", "relu_derivative"
    yield relu, "name", "sigmoid"
    yield leaky_relu, "formula", "max(x, 0)"
    yield sigmoid, "formula", "1"
    yield sigmoid, "range", ("0", "2")
    yield sigmoid, "range", ("-1", "1")
    yield sigmoid, "range", ("0", "0.5")
    yield tanh, "range", ("-1", "inf")
    yield relu, "range", ("-inf", "inf")
    yield leaky_relu, "range", ("-inf", "inf")
    yield identity, "range", ("-10", "10")
    yield relu, "saturates", ()
    yield relu, "saturates", (-inf, inf)
    yield sigmoid, "saturates", (-inf,)
    yield leaky_relu, "saturates", (-inf,)
    yield tanh, "zero_centred", False
    yield sigmoid, "zero_centred", True
    yield relu, "zero_centred", True
    yield identity, "cost", "max"
    yield relu, "cost", "copy"
    yield relu, "cost", "exp"
    yield tanh, "cost", "max"
    yield sigmoid, "max_ulp", (0, 4)
    yield relu, "max_ulp", (1, 0)
    yield tanh, "max_ulp", (2.5, 4)
    yield tanh, "reference", ""
    yield leaky_relu, "parameters", ()
    yield leaky_relu, "parameters", (replace(slope, name="alpha"),)
    yield leaky_relu, "parameters", (replace(slope, domain=Interval(1, 2)),)
    yield leaky_relu, "parameters", (replace(slope, summary=""),)
    yield leaky_relu, "parameters", (slope, slope)
    yield relu, "parameters", (slope,)
    yield relu, "kinks", ()
    yield relu, "kinks", (("0", "0.5"),)
    yield relu, "kinks", (("1", "1"),)
    yield sigmoid, "kinks", (("0", "0.25"),)
    yield leaky_relu, "kinks", (("0", "0"),)
    yield leaky_relu, "from_output", (REALS,)
    yield leaky_relu, "from_output", (Interval(low=1),)
    yield leaky_relu, "from_output", ()
    yield sigmoid, "from_output", None
    yield relu, "from_output", (REALS,)


@pytest.mark.parametrize(
    "row, field, lie", [pytest.param(*lie, id=f"{lie[0].name}-{lie[1]}-{lie[2]}") for lie in lies()]
)
def test_a_lie_is_found(row, field, lie):
    assert getattr(row, field) != lie
    # An AssertionError, or what the oracle raises over a name or a parameter that is not there.
    with pytest.raises((AssertionError, NameError, AttributeError, ValueError)):
        CHECKS[field](replace(row, **{field: lie}))


def test_every_field_is_lied_about():
    assert {field for _, field, _ in lies()} == set(CHECKS)


def test_a_function_that_forgets_has_no_from_output():
    """None is checked although no row has it yet: x (x + 1) takes each value on two slopes."""
    row = replace(ACTIVATIONS["identity"], name="parabola", formula="x * (x + 1)", from_output=None)
    check_from_output(row)
    assert "_backward_from_output" not in [operation.suffix for operation in row.operations()]
    with pytest.raises(AssertionError):
        check_from_output(replace(row, from_output=()))


# The other tables ----------------------------------------------------------------------------


def test_rows_are_keyed_by_name():
    assert all(name == row.name for name, row in ACTIVATIONS.items())
    assert len({row.formula for row in ACTIVATIONS.values()}) == len(ACTIVATIONS)


def test_operations():
    """Inputs and outputs are of the kinds that the oracle knows, and no suffix comes twice."""
    assert [field.name for field in fields(Operation)] == ["suffix", "inputs", "outputs", "summary"]
    suffixes = [operation.suffix for operation in OPERATIONS]
    assert suffixes[0] == "" and len(set(suffixes)) == len(suffixes)
    for operation in OPERATIONS:
        assert set(operation.inputs) <= {"grad", "x", "y"} and operation.summary
        assert operation.inputs[:-1] == (("grad",) if "backward" in operation.suffix else ())
        expected = {
            "": ["f(x)"],
            "_derivative": ["f'(x)"],
            "_with_derivative": ["f(x)", "f'(x)"],
            "_backward": ["grad * f'(x)"],
            "_backward_from_output": ["grad * f'(x) where f(x) = y"],
        }
        assert list(operation.outputs) == expected[operation.suffix]


def test_functions_lists_all():
    listed = list(functions())
    assert [name for name, _, _ in listed] == [
        row.name + operation.suffix
        for row in ACTIVATIONS.values()
        for operation in row.operations()
    ]
    assert len({name for name, _, _ in listed}) == len(listed)


INTERVALS = [REALS, Interval(low=0), Interval(high=2.5), Interval(-1, 1)]


@pytest.mark.parametrize("interval", INTERVALS, ids=str)
def test_conditions_say_what_the_interval_is(interval):
    condition = interval.condition("alpha")
    for number in -inf, -2, -1, -0.5, 0, 1, 2.5, 3, inf:
        said = condition == "any alpha" or eval(condition, {"alpha": number})
        assert (number in interval) == said
    assert float("nan") not in interval


def test_domains_are_those_of_the_operation():
    row = ACTIVATIONS["leaky_relu"]
    assert isinstance(row.parameters[0], Parameter)
    for operation in row.operations():
        from_output = operation.inputs[-1] == "y"
        expected = row.from_output if from_output else (row.parameters[0].domain,)
        assert operation.domains(row) == expected
