"""What every test is run over: the table's functions, the implementations, the dtypes.

A test names what it wants: ``row``, ``function``, ``implementation`` (a label), ``dtype``; ``call``
is the function as that implementation has it. Nothing lists the functions a second time.
``@pytest.mark.only(having=...)`` narrows the functions or rows to those that meet a condition.
"""

from dataclasses import dataclass

import numpy as np
import pytest
from oracle import random_generator

import fastact.activations
import fastact.backends
from fastact.activations import ACTIVATIONS, Activation, Operation

IMPLEMENTATIONS = fastact.backends.implementations()


@dataclass(frozen=True)
class Function:
    """A public function: a row and an operation of the table."""

    name: str
    row: Activation
    operation: Operation

    @property
    def nin(self):
        """How many inputs, parameters included."""
        return len(self.operation.inputs) + len(self.row.parameters)

    @property
    def nout(self):
        return len(self.operation.outputs)

    def on(self, namespace):
        """The function as `namespace` has it."""
        return getattr(namespace, self.name)

    def draw(self, shape, dtype, seed=0):
        """Random inputs of one shape, parameters (inside their domains) included."""
        rng = random_generator(self.name, shape, seed)
        names = [parameter.name for parameter in self.row.parameters]
        inputs = [np.asarray(rng.normal(0, 4, shape)).astype(dtype) for _ in self.operation.inputs]
        parameters = [np.asarray(rng.uniform(-2, 2, shape)).astype(dtype) for _ in names]
        for condition in self.operation.conditions(self.row):
            while (outside := ~eval(condition, {}, dict(zip(names, parameters)))).any():
                for a in parameters:
                    a[outside] = rng.uniform(-2, 2, outside.sum()).astype(dtype)
        inputs += parameters
        for a in inputs:
            assert a.size < 2 or np.unique(a).size > min(a.size // 3, 500)
        return inputs


def of_each_kind(functions):
    """One function of each operation and kind of parameters: all else is the formula's."""
    kinds = {}
    for function in functions:
        row, operation = function.row, function.operation
        kind = operation, len(row.parameters), row.required == (), bool(row.domain)
        if kind not in kinds or (row.cost == "exp") > (kinds[kind].row.cost == "exp"):
            kinds[kind] = function
    return list(kinds.values())


FUNCTIONS = [Function(*entry) for entry in fastact.activations.functions()]
PARAMETERS = {
    "function": [pytest.param(function, id=function.name) for function in FUNCTIONS],
    "row": [pytest.param(row, id=row.name) for row in ACTIVATIONS.values()],
    "implementation": list(IMPLEMENTATIONS),
    "dtype": [pytest.param(np.dtype(name), id=name) for name in ("float16", "float32", "float64")],
}


def pytest_configure(config):
    config.addinivalue_line("markers", "only(having): the functions or rows that a test is for")
    config.addinivalue_line("markers", "of_each_kind: one function of each kind, not all")


def pytest_generate_tests(metafunc):
    conditions = [mark.kwargs["having"] for mark in metafunc.definition.iter_markers("only")]
    marked = metafunc.definition.iter_markers("parametrize")
    own = {name.strip() for mark in marked for name in mark.args[0].split(",")}
    for argument, values in PARAMETERS.items():
        if argument in metafunc.fixturenames and argument not in own:
            if argument in ("function", "row"):
                values = [v for v in values if all(having(v.values[0]) for having in conditions)]
                if argument == "function" and metafunc.definition.get_closest_marker(
                    "of_each_kind"
                ):
                    chosen = of_each_kind([value.values[0] for value in values])
                    values = [value for value in values if value.values[0] in chosen]
                assert values
            metafunc.parametrize(argument, values)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """The tests of a row to one process, which keeps mpmath's results and Numba's code.

    Else those of a file: what it imports, or builds, is dear. pytest 9.2 does not heed groups.
    """
    from xdist.scheduler import LoadScopeScheduling

    rows = {name: row.name for name, row, _ in fastact.activations.functions()}

    class ByRow(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            file, _, test = nodeid.partition("::")
            first = test.partition("[")[2].partition("-")[0].removesuffix("]")
            whole = any(name in file for name in ("test_compat", "test_downstream", "test_site"))
            return file if whole else rows.get(first, file)

    return ByRow(config, log)


@pytest.fixture
def call(function, implementation):
    """The function under test."""
    return function.on(IMPLEMENTATIONS[implementation])


@pytest.fixture
def namespace(implementation):
    """The implementation under test."""
    return IMPLEMENTATIONS[implementation]
