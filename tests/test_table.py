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
    Activation,
    Operation,
    aliases,
    functions,
)

#: The functions in a formula that make it an "exp" or an "erf".
DEAR = {"erfc": "erf", "exp": "exp", "expm1": "exp", "log1p": "exp", "tanh": "exp"}
GRID = [mp.mpf(n) / 8 for n in range(-64, 65)]
FAR = [s * mp.mpf(10) ** k for k in range(1, 31) for s in (-1, 1)]
TINY = mp.mpf(10) ** -30
TOLERANCE = mp.mpf("1e-12")  # of the decimals that the table writes


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
    for parameters in settings(row):
        assert len({oracle.value(row, x, parameters) for x in GRID}) > 3


def check_parameters(row):
    names = [parameter.name for parameter in row.parameters]
    assert len(set(names)) == len(names)
    assert set(names) <= names_in(row.formula)
    free = names_in(row.formula) - {"x", "max", "min", "abs"} - set(names)
    assert all(hasattr(mp, name) for name in free)
    for parameter in row.parameters:
        assert parameter.name.isidentifier() and parameter.summary
        assert isfinite(parameter.typical)
        assert (parameter.default is None) != (parameter.example is None)


def check_domain(row):
    """The typical parameters are inside. There the other facts hold, and outside they do not."""
    assert names_in(row.domain or "0") <= {parameter.name for parameter in row.parameters}
    assert oracle.is_defined(row, OPERATIONS[0], oracle.defaults(row))
    inside = [p for p in various(row) if oracle.is_defined(row, OPERATIONS[0], p)]
    if inside:
        behaves(row, *inside)
    for parameters in set(various(row)) - set(inside):
        with pytest.raises((ArithmeticError, AssertionError, TypeError)):
            behaves(row, parameters)


def behaves(row, *which):
    check_kinks(row, *which)
    for parameters in which:
        low, high = oracle.bounds(row, parameters)
        values = {oracle.value(row, x, parameters) for x in GRID}
        assert len(values) > 3 and low - TOLERANCE <= min(values) and max(values) <= high


def various(row):
    """Parameters inside and outside of the row's domain."""
    return [
        tuple(value + shift * step for shift in range(len(row.parameters)))
        for value, step in itertools.product((-2.0, -0.75, 0.0, 1.0), (1, -1))
        if row.parameters
    ]


def check_range(row):
    """Every value is inside, and both ends are approached."""
    for parameters in settings(row):
        low, high = oracle.bounds(row, parameters)
        values = [oracle.value(row, x, parameters) for x in GRID + FAR]
        values += [extremum(row, parameters, sign) for sign in (-1, 1)]
        kinks = oracle.kinks(row, parameters)
        values += [
            oracle.value(row, x + side * TINY, parameters) for x in kinks for side in (-1, 1)
        ]
        assert all(low - TOLERANCE <= v <= high + TOLERANCE for v in values)
        for end, reached in (low, min(values)), (high, max(values)):
            if mp.isinf(end):
                assert abs(reached) > 1000
            else:
                assert abs(end - reached) < mp.mpf("1e-9")


def extremum(row, parameters, sign):
    """The largest value of sign * f near the best point of the grid, times sign."""
    x = max(GRID[1:-1], key=lambda x: sign * oracle.value(row, x, parameters))
    low, high = x - mp.mpf(1) / 8, x + mp.mpf(1) / 8
    for _ in range(80):
        a, b = low + (high - low) / 3, high - (high - low) / 3
        if sign * oracle.value(row, a, parameters) < sign * oracle.value(row, b, parameters):
            low = a
        else:
            high = b
    return oracle.value(row, low, parameters)


def check_saturates(row):
    far, defaults = mp.mpf(10) ** 30, oracle.defaults(row)
    slopes = {sign: oracle.derivative(row, sign * far, defaults) for sign in (-1, 1)}
    vanishing = {s * inf for s, slope in slopes.items() if abs(slope) < mp.mpf("1e-20")}
    assert set(row.saturates) == vanishing
    assert len(row.saturates) == len(set(row.saturates))


def check_zero_centred(row):
    values = [oracle.value(row, x, oracle.defaults(row)) for x in GRID]
    assert row.zero_centred == (abs(sum(values)) / len(values) < TINY)


def divides_by_x(expression):
    """Whether a denominator in the expression depends on x."""
    return any(
        isinstance(node, ast.BinOp)
        and isinstance(node.op, ast.Div)
        and any(isinstance(n, ast.Name) and n.id == "x" for n in ast.walk(node.right))
        for node in ast.walk(ast.parse(expression))
    )


def check_cost(row):
    dear = {DEAR[name] for name in names_in(row.formula) & set(DEAR)}
    if row.formula == "x":
        assert row.cost == "copy"
    elif dear:
        assert row.cost == min(dear)  # "erf" comes before "exp"
    else:
        by_root = "sqrt" in names_in(row.formula)
        assert row.cost == ("div" if by_root or divides_by_x(row.formula) else "max")


def roundings(node):
    """The most operations that one path through an expression rounds."""
    if isinstance(node, ast.IfExp):
        return max(roundings(node.body), roundings(node.orelse))
    own = isinstance(node, ast.BinOp) + (isinstance(node, ast.Call) and node.func.id in DEAR)
    return own + sum(roundings(child) for child in ast.iter_child_nodes(node))


def check_max_ulp(row):
    """Exact where nothing is rounded twice, and nowhere else."""
    value_ulp, slope_ulp = row.max_ulp
    assert isinstance(value_ulp, int) and isinstance(slope_ulp, int)
    formula = ast.parse(row.formula, mode="eval").body
    cheap = row.cost in ("copy", "max")
    assert (value_ulp == 0) == (cheap and roundings(formula) <= 1)
    slopes = {oracle.derivative(row, x, oracle.defaults(row)) for x in GRID}
    assert (slope_ulp == 0) == (len(slopes) <= 3)


def check_reference(row):
    assert re.fullmatch(r"[A-Z].*\w.*\.", row.reference)


def quotients(row, x, parameters):
    """The difference quotients to the left and to the right of x, at 50 digits."""
    h = mp.mpf(10) ** -20
    middle = oracle.value(row, x, parameters)
    left = (middle - oracle.value(row, x - h, parameters)) / h
    return left, (oracle.value(row, x + h, parameters) - middle) / h


def check_kinks(row, *which):
    """The two sides differ at a kink and nowhere else; what is returned is one of them."""
    for parameters in which or settings(row):
        kinks = oracle.kinks(row, parameters)
        if len(kinks) < len(row.kinks):
            continue  # two have become one, and that none
        for x in {*GRID, *kinks}:
            left, right = quotients(row, x, parameters)
            if x in kinks:
                assert any(abs(kinks[x] - side) < mp.mpf("1e-15") for side in (left, right))
            else:
                assert abs(left - right) < mp.mpf("1e-15")
    for number in range(len(row.kinks)):  # some parameters may straighten it, not all
        sides = [
            quotients(row, list(oracle.kinks(row, parameters))[number], parameters)
            for parameters in which or settings(row)
            if len(oracle.kinks(row, parameters)) == len(row.kinks)
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
    """The output determines the derivative under the condition, and not where it fails."""
    if row.from_output is None:
        assert row.operations()[-1].inputs[-1] != "y"
        return
    operation = row.operations()[-1]
    assert operation.inputs[-1] == "y"
    assert oracle.is_defined(row, operation, oracle.defaults(row))
    for parameters in [*settings(row), *various(row)]:
        if oracle.is_defined(row, operation, parameters):
            assert output_determines_derivative(row, parameters)
        elif oracle.is_defined(row, OPERATIONS[0], parameters):
            assert not output_determines_derivative(row, parameters)


def check_aliases(row):
    for alias in row.aliases:
        assert alias.isidentifier() and alias not in ACTIVATIONS
    assert len(set(row.aliases)) == len(row.aliases)


def check_fused_bias(row):
    """The activations that usually follow a matrix product, and no others."""
    usual = {"relu", "leaky_relu", "sigmoid", "tanh", "gelu", "gelu_tanh", "silu"}
    assert row.fused_bias == (row.name in usual)


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
    "domain": check_domain,
    "from_output": check_from_output,
    "aliases": check_aliases,
    "fused_bias": check_fused_bias,
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
    celu, gelu, hard_tanh, silu, softplus, softsign, squareplus = (
        ACTIVATIONS[name]
        for name in ("celu", "gelu", "hard_tanh", "silu", "softplus", "softsign", "squareplus")
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
    yield leaky_relu, "parameters", (replace(slope, example=1.0),)
    yield leaky_relu, "parameters", (replace(slope, default=None, example=inf),)
    yield leaky_relu, "parameters", (replace(slope, summary=""),)
    yield leaky_relu, "parameters", (slope, slope)
    yield relu, "parameters", (slope,)
    yield relu, "kinks", ()
    yield relu, "kinks", (("0", "0.5"),)
    yield relu, "kinks", (("1", "1"),)
    yield sigmoid, "kinks", (("0", "0.25"),)
    yield leaky_relu, "kinks", (("0", "0"),)
    yield leaky_relu, "from_output", ""
    yield leaky_relu, "from_output", "negative_slope >= 1"
    yield silu, "from_output", ""
    yield silu, "range", ("-0.3", "inf")
    yield silu, "range", ("-0.2", "inf")
    yield gelu, "cost", "exp"
    yield softsign, "cost", "max"
    yield squareplus, "cost", "max"
    yield celu, "domain", ""
    yield celu, "domain", "alpha > 1"
    yield celu, "domain", "alpha >= 0"
    yield softplus, "domain", ""
    yield squareplus, "domain", ""
    yield hard_tanh, "domain", ""
    yield hard_tanh, "domain", "min_val < 0 and min_val < max_val"
    yield relu, "domain", "x > 0"
    yield relu, "fused_bias", False
    yield softsign, "fused_bias", True
    yield sigmoid, "aliases", ("tanh",)
    yield sigmoid, "aliases", ("expit", "expit")


@pytest.mark.parametrize(
    "row, field, lie", [pytest.param(*lie, id=f"{lie[0].name}-{lie[1]}-{lie[2]}") for lie in lies()]
)
def test_a_lie_is_found(row, field, lie):
    assert getattr(row, field) != lie
    # An AssertionError, or what the oracle raises over a name or a parameter that is not there.
    errors = AssertionError, NameError, AttributeError, ValueError, ArithmeticError, TypeError
    with pytest.raises((*errors, pytest.fail.Exception)):
        CHECKS[field](replace(row, **{field: lie}))


def test_every_field_is_lied_about():
    assert {field for _, field, _ in lies()} == set(CHECKS)


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


def test_conditions_are_those_of_the_operation():
    """Of the parameters always, of the saved output only where that is used."""
    elu, softplus = ACTIVATIONS["elu"], ACTIVATIONS["softplus"]
    for operation in OPERATIONS:
        from_output = operation.inputs[-1] == "y"
        assert operation.conditions(elu) == (["alpha >= 0"] if from_output else [])
        assert operation.conditions(softplus) == ["beta > 0"]


def test_aliases_lists_every_operation():
    assert dict(aliases())["expit_with_derivative"] == "sigmoid_with_derivative"
    names = [name for name, _, _ in functions()]
    assert not set(dict(aliases())) & set(names) and set(dict(aliases()).values()) <= set(names)
