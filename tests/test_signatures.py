"""Every implementation has the table's functions, no others, with the table's signatures."""

import inspect
import pickle

import numpy as np
import pytest
from conftest import IMPLEMENTATIONS
from oracle import as_tuple, assert_same

import fastact
import fastact.backends
from fastact.activations import aliases, functions
from fastact.axiswise import ROW_FUNCTIONS
from fastact.channels import channel_functions

NAMES = [name for name, _, _ in functions()]
#: These are tested in a file of their own.
ELSEWHERE = {name for name, _, _ in channel_functions()} | {*ROW_FUNCTIONS}


def public_functions(namespace):
    """The names in a namespace of what behaves as a ufunc or stands before one."""
    return sorted(
        name
        for name, thing in vars(namespace).items()
        if not name.startswith("_")
        and name not in ELSEWHERE
        and callable(thing)
        and (hasattr(thing, "nin") or hasattr(thing, "ufunc"))
    )


def test_names_are_the_tables(namespace):
    assert public_functions(namespace) == sorted(NAMES)


def test_the_package_has_them_all():
    assert public_functions(fastact) == sorted([*NAMES, *dict(aliases())])
    assert {*NAMES, *dict(aliases())} < set(fastact.__all__)
    bound = fastact.backends.load(fastact.backend)
    for name in NAMES:
        assert getattr(fastact, name) is getattr(bound, name)


def test_an_alias_is_the_same_object():
    assert (
        fastact.expit is fastact.sigmoid and fastact.hardtanh_backward is fastact.hard_tanh_backward
    )
    for alias, name in aliases():
        assert alias not in NAMES and getattr(fastact, alias) is getattr(fastact, name)
    assert len(dict(aliases())) == len(list(aliases()))


def test_a_function_too_many_or_too_few_is_found():
    namespace = next(iter(IMPLEMENTATIONS.values()))
    full = {name: getattr(namespace, name) for name in NAMES}
    stand_in = type("Namespace", (), {})
    for names in NAMES[1:], [*NAMES, "extra"]:
        altered = stand_in()
        vars(altered).update({name: full.get(name, full[NAMES[0]]) for name in names})
        with pytest.raises(AssertionError):
            test_names_are_the_tables(altered)


def test_the_ufunc(function, call, implementation):
    """Inputs are the operands, then the parameters; on Cython it is a real ufunc."""
    ufunc = call.ufunc if function.row.parameters else call
    assert (ufunc.nin, ufunc.nout, ufunc.nargs) == (
        function.nin,
        function.nout,
        function.nin + function.nout,
    )
    assert ufunc.__name__ == call.__name__ == function.name
    assert isinstance(ufunc, np.ufunc) == implementation.startswith("cython")
    if not isinstance(ufunc, np.ufunc):  # NumPy lists no loop that was added from a spec
        loops = ["->".join(c * n for n in (function.nin, function.nout)) for c in "efd"]
        assert list(ufunc.types) == loops


# Without parameters the function is a ufunc, and those have no signature before NumPy 2.4.
@pytest.mark.only(having=lambda function: function.row.parameters)
def test_signature(function, call):
    """Operands by position, then the parameters with the table's defaults, then keywords."""
    kinds = inspect.Parameter
    found = list(inspect.signature(call).parameters.values())
    operands = found[: len(function.operation.inputs)]
    assert [p.name for p in operands] == list(function.operation.inputs)
    assert {p.kind for p in operands} == {kinds.POSITIONAL_ONLY}
    parameters = found[len(operands) : function.nin]
    assert [(p.name, None if p.default is kinds.empty else p.default) for p in parameters] == [
        (parameter.name, parameter.default) for parameter in function.row.parameters
    ]
    assert {p.kind for p in parameters} == {kinds.POSITIONAL_OR_KEYWORD}
    assert all(p.kind in (kinds.KEYWORD_ONLY, kinds.VAR_KEYWORD) for p in found[function.nin :])


@pytest.mark.only(having=lambda function: function.row.parameters)
def test_signatures_are_equal_on_all(function):
    found = {inspect.signature(function.on(ns)) for ns in IMPLEMENTATIONS.values()}
    assert len(found) == 1


@pytest.mark.only(having=lambda function: function.row.required)
def test_a_parameter_without_default_is_required(function, call):
    inputs = function.draw(9, np.float64)
    names = [parameter.name for parameter in function.row.parameters]
    by_name = call(*inputs[: -len(names)], **dict(zip(names, inputs[-len(names) :])))
    assert_same(as_tuple(by_name)[0], as_tuple(call(*inputs))[0])
    for given in range(len(names)):
        with pytest.raises(TypeError, match=f"{function.name}.*{names[given]}"):
            call(*inputs[: len(function.operation.inputs) + given])


@pytest.mark.only(having=lambda function: function.row.parameters and not function.row.required)
def test_defaults_are_what_is_computed_with(function, call, dtype):
    """Left out, given by position and given by name: the same; another value: another result."""
    operands = function.draw(200, dtype)[: len(function.operation.inputs)]
    parameters = function.row.parameters
    expected = as_tuple(call(*operands))
    by_position = call(*operands, *[parameter.default for parameter in parameters])
    by_name = call(*operands, **{parameter.name: parameter.default for parameter in parameters})
    arrays = call(*operands, *[np.full(200, parameter.default, dtype) for parameter in parameters])
    for results in by_position, by_name, arrays:
        for result, same in zip(as_tuple(results), expected, strict=True):
            assert_same(result, same)
    changes = []
    for parameter in parameters:
        other = as_tuple(call(*operands, **{parameter.name: parameter.default + 0.5}))
        changes.append(all((result != same).any() for result, same in zip(other, expected)))
    # The value depends on every parameter, its derivative may not.
    assert any(changes) if function.operation.suffix else all(changes)


@pytest.mark.only(having=lambda function: function.row.parameters and not function.row.required)
def test_out_where_parameters_are_left_out(function, call, dtype):
    """Every form of `out` that a ufunc takes, and no other."""
    operands = function.draw(9, dtype)[: len(function.operation.inputs)]
    expected = as_tuple(call(*operands))
    outputs = tuple(np.empty_like(result) for result in expected)
    for out in [outputs, outputs[0]] if function.nout == 1 else [outputs]:
        results = as_tuple(call(*operands, out=out))
        for result, output, same in zip(results, outputs, expected, strict=True):
            assert result is output
            assert_same(result, same)
    wrong = [(), outputs[:1] * (function.nout + 1), "a", list(outputs)]
    if function.nout > 1:
        wrong += [outputs[0], outputs[:1]]
    for out in wrong:
        with pytest.raises((TypeError, ValueError)):
            call(*operands, out=out)


# Where NumPy is too old to let a ufunc name its module, pickle looks into all that are imported.
@pytest.mark.filterwarnings("ignore:the .* module is deprecated:DeprecationWarning")
@pytest.mark.parametrize("backend", fastact.backends.runnable())
def test_functions_pickle_by_name(backend):
    """A function of the backend that fastact is bound to is found again as fastact's."""
    if fastact.backend == backend:
        for name in NAMES:
            function = getattr(fastact, name)
            assert pickle.loads(pickle.dumps(function)) is function
    else:
        with pytest.raises(pickle.PicklingError):
            pickle.dumps(fastact.backends.load(backend).leaky_relu)


def test_docstring(function, call):
    """What the table knows stands in the docstring."""
    doc = call.__doc__
    assert function.row.formula in doc
    assert function.operation.summary in doc and function.row.reference in doc
    for parameter in function.row.parameters:
        assert f"{parameter.name} : array_like" in doc and parameter.summary in doc.lower()
        if parameter.default is not None:
            assert f"Default {parameter.default:g}" in doc
    for condition in function.operation.conditions(function.row):
        assert condition in doc
    for alias in function.row.aliases:
        assert f"`{alias}{function.operation.suffix}`" in doc
    if function.operation.suffix:
        for kink, slope in function.row.kinks:
            assert f"At x = {kink} the derivative is taken as {slope}" in doc
    for output in function.operation.outputs:
        assert output in doc


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_floats_that_were_given_before(dtype):
    """Equal or not, of which sign, refused or not: each call has its own parameters."""
    x = np.array([-1.0, 2.0], dtype)
    for value in 0.0, -0.0, 0.0, 0.5, 0.5:
        result = fastact.threshold(x, 1.0, value)
        assert result.dtype == dtype and result[0] == value and result[1] == 2
        assert np.signbit(result[0]) == np.signbit(value)
        assert fastact.leaky_relu(x, value)[0] == -value
        assert fastact.leaky_relu_backward(x, x, value)[0] == -value
    for _ in range(2):
        with pytest.raises(ValueError):
            fastact.hard_tanh(x, 1.0, -1.0)
        assert fastact.hard_tanh(x, -1.5, 1.5)[1] == 1.5
    assert np.isnan(fastact.leaky_relu(x, float("nan"))[0])
