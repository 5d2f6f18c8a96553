"""What cannot be computed raises what NumPy's ufuncs raise, and says which function it was."""

import datetime
import re

import numpy as np
import oracle
import pytest
from oracle import as_tuple

#: What happens around a formula is the same for all: see conftest.of_each_kind.
pytestmark = pytest.mark.of_each_kind

BAD = {
    "complex64": np.ones(3, np.complex64),
    "complex128": np.ones(3, np.complex128),
    "clongdouble": np.ones(3, np.clongdouble),
    "longdouble": np.ones(3, np.longdouble),
    "object": np.array([1.0, 2.0, 3.0], object),
    "str": np.array(["1", "2", "3"]),
    "bytes": np.array([b"1", b"2", b"3"]),
    "datetime64": np.ones(3, "datetime64[s]"),
    "timedelta64": np.ones(3, "timedelta64[s]"),
    "structured": np.ones(3, "f4,f4"),
    "complex scalar": 1j,
    "string": "abc",
    "None": None,
    "date": datetime.date(2000, 1, 1),
    "dict": {},
}


def names(function):
    return pytest.raises(TypeError, match=rf"\b{function.name}\b")


def test_dtypes_that_are_not_real_floats(function, call):
    """In the place of each input."""
    for bad in BAD.values():
        for place in range(function.nin):
            inputs = [bad if i == place else np.ones(3) for i in range(function.nin)]
            with names(function):
                call(*inputs)


@pytest.mark.parametrize("bad", ["longdouble", "complex128", "datetime64"])
def test_the_dtype_is_named(function, call, bad):
    """As itself or as NumPy's errors name it: ``LongDoubleDType``."""
    inputs = [np.ones(3)] * (len(function.operation.inputs) - 1) + [
        BAD[bad],
        *function.row.required,
    ]
    with names(function) as caught:
        call(*inputs)
    dtype = BAD[bad].dtype
    assert str(dtype) in str(caught.value) or type(dtype).__name__ in str(caught.value)


# Not complex and not text: a float casts to those, so that NumPy's ufuncs fill them too.
@pytest.mark.parametrize("out_dtype", ["int64", "bool", "M8[s]"])
def test_out_of_a_wrong_dtype(function, call, out_dtype):
    outs = tuple(np.zeros(3, out_dtype) for _ in range(function.nout))
    before = [out.copy() for out in outs]
    with names(function):
        call(*function.draw(3, np.float64), out=outs if len(outs) > 1 else outs[0])
    for out, same in zip(outs, before):
        np.testing.assert_array_equal(out, same)


def test_read_only_out(function, call, dtype):
    for sink in range(function.nout):
        outs = tuple(np.full(3, 7, dtype) for _ in range(function.nout))
        outs[sink].flags.writeable = False
        with pytest.raises(ValueError, match="read-only"):
            call(*function.draw(3, dtype), out=outs if len(outs) > 1 else outs[0])
        assert (outs[sink] == 7).all()


def test_out_of_a_wrong_shape(function, call, dtype):
    for shape in (4,), (2, 4), (), (1,):
        outs = tuple(np.full(shape, 7, dtype) for _ in range(function.nout))
        with pytest.raises(ValueError):
            call(*function.draw(3, dtype), out=outs if len(outs) > 1 else outs[0])
        assert all((out == 7).all() for out in outs)


def test_shapes_that_do_not_broadcast(function, call, dtype):
    for odd in range(1, function.nin):
        inputs = function.draw(3, dtype)
        inputs[odd] = np.ones(4, dtype)
        with pytest.raises(ValueError, match="broadcast"):
            call(*inputs)
    with pytest.raises(ValueError, match="broadcast"):
        out = tuple(np.empty(3, dtype) for _ in range(function.nout))
        call(*function.draw(3, dtype), out=out if len(out) > 1 else out[0], where=np.ones(4, bool))


def test_too_few_and_too_many_arguments(function, call):
    operands = len(function.operation.inputs)
    for count in range(operands):
        with pytest.raises(TypeError):
            call(*[np.ones(3)] * count)
    # With every output given by position, one more.
    with pytest.raises(TypeError):
        call(*[np.ones(3) for _ in range(function.nin + function.nout + 1)])


def test_unknown_keywords(function, call):
    inputs = [*[np.ones(3)] * len(function.operation.inputs), *function.row.required]
    for unknown in "slope", "axis", "inplace":
        with pytest.raises(TypeError, match=unknown):
            call(*inputs, **{unknown: 1})


def test_operands_are_not_keywords(function, call):
    """As in ufuncs, whose inputs have no names: the same on every backend."""
    named = {name: np.ones(3) for name in function.operation.inputs}
    with pytest.raises(TypeError):
        call(**named)


@pytest.mark.only(having=lambda function: function.row.parameters)
def test_a_parameter_given_twice(function, call):
    inputs = [np.ones(3)] * len(function.operation.inputs)
    parameters = {parameter.name: 0.5 for parameter in function.row.parameters}
    for name in parameters:
        with pytest.raises(TypeError, match=name):
            call(*inputs, *parameters.values(), **{name: 0.5})


@pytest.mark.parametrize("casting", ["no", "equiv", "safe"])
def test_casting_that_is_forbidden(function, call, casting):
    with names(function):
        call(*function.draw(3, np.float64), dtype=np.float32, casting=casting)


KEYWORDS = [
    ("dtype", np.int64, TypeError),
    ("dtype", np.complex128, TypeError),
    ("dtype", "nonsense", TypeError),
    ("casting", "bogus", ValueError),
    ("order", "X", ValueError),
    ("where", np.ones(3), TypeError),
    ("out", [0.0, 0.0, 0.0], TypeError),
    ("out", "out", TypeError),
    ("out", (np.ones(3),) * 3, ValueError),
    ("out", (), ValueError),
]


def test_values_of_keywords(function, call):
    out = tuple(np.empty(3) for _ in range(function.nout))
    for keyword, value, error in KEYWORDS:
        keywords = {"out": out if len(out) > 1 else out[0], keyword: value}
        with pytest.raises(error):
            pytest.fail(f"{keyword}={value!r} gives {call(*function.draw(3, 'd'), **keywords)}")


def test_out_twice(function, call):
    inputs = function.draw(3, np.float64)
    outs = [np.empty(3) for _ in range(function.nout)]
    ufunc = getattr(call, "ufunc", call)
    with pytest.raises(TypeError):
        ufunc(*inputs, *outs, out=tuple(outs))


CANDIDATES = [-np.inf, -2.0, -0.5, -0.01, 0.0, 0.01, 0.5, 3.0]


def violations(function):
    """Parameters with one of them such that a condition is not met, and its place."""
    typical = [parameter.typical for parameter in function.row.parameters]
    for place in range(len(typical)):
        for bad in CANDIDATES:
            parameters = [bad if i == place else value for i, value in enumerate(typical)]
            if not oracle.is_defined(function.row, function.operation, parameters):
                yield place, parameters


def is_restricted(function):
    """Whether a parameter of the function may not be any number."""
    return bool(function.operation.conditions(function.row))


@pytest.mark.only(having=is_restricted)
def test_scalar_parameter_outside_its_domain(function, call, dtype):
    """ValueError that names the function, the value and the condition."""
    operands = function.draw(3, dtype)[: len(function.operation.inputs)]
    names = [parameter.name for parameter in function.row.parameters]
    found = list(violations(function))
    assert found
    for place, parameters in found:
        bad = parameters[place]
        for given in bad, np.float64(bad), np.array(bad):
            parameters[place] = given
            with pytest.raises(ValueError) as caught:
                call(*operands, **dict(zip(names, parameters)))
            message = str(caught.value)
            assert re.search(rf"\b{function.name}\b", message)
            assert any(c in message for c in function.operation.conditions(function.row))
            assert f"{names[place]} is {bad}" in message
    nan = [np.nan] * len(names)
    assert np.isnan(as_tuple(call(*operands, *nan))[0]).all()


@pytest.mark.only(having=is_restricted)
def test_array_parameter_outside_its_domain(function, call, dtype):
    """NaN in the elements that are outside, and only there."""
    count = len(function.operation.inputs)
    for _, parameters in violations(function):
        inputs = function.draw(5, dtype)
        right = as_tuple(call(*inputs))
        for array, bad in zip(inputs[count:], parameters):
            array[[1, 4]] = bad
        for result, same in zip(as_tuple(call(*inputs)), right, strict=True):
            assert np.isnan(result).tolist() == [False, True, False, False, True]
            np.testing.assert_array_equal(result[[0, 2, 3]], same[[0, 2, 3]])
