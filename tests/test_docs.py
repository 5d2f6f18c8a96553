"""What the documentation shows is what happens: docstrings, README and pages as doctests."""

import doctest
import inspect
import re
from pathlib import Path

import numpy as np
import pytest
from conftest import IMPLEMENTATIONS

import fastact
import fastact.diagnostics
from fastact.axiswise import ROW_FUNCTIONS
from fastact.channels import channel_functions

ROOT = Path(__file__).parents[1]
#: Numba compiles each function at its first call, a minute in all; the tests of accuracy do that.
EXAMPLES_ON = [name for name in IMPLEMENTATIONS if name != "numba"]
#: The functions that are not elementwise, and what the diagnostics have.
OTHERS = [*ROW_FUNCTIONS, *(name for name, _, _ in channel_functions())]
DIAGNOSTICS = [
    name
    for name in fastact.diagnostics.__all__
    if inspect.getmodule(thing := getattr(fastact.diagnostics, name)) and callable(thing)
]


def failures(name, text, **names):
    """What doctest has to say of the examples in a text; there has to be one."""
    test = doctest.DocTestParser().get_doctest(text, {"np": np, **names}, name, name, 0)
    assert test.examples, f"{name} has no example"
    said = []
    doctest.DocTestRunner().run(test, out=said.append)
    return "".join(said)


@pytest.mark.parametrize("implementation", EXAMPLES_ON)
def test_examples(function, call, namespace):
    """Every function of the table, on every backend: what its formula gives."""
    assert failures(function.name, call.__doc__, fastact=namespace) == ""


@pytest.mark.parametrize("implementation", EXAMPLES_ON)
@pytest.mark.parametrize("name", OTHERS)
def test_examples_of_others(name, namespace):
    assert failures(name, getattr(namespace, name).__doc__, fastact=namespace) == ""


@pytest.mark.parametrize("name", DIAGNOSTICS)
def test_examples_of_diagnostics(name):
    assert failures(name, getattr(fastact.diagnostics, name).__doc__) == ""
