"""What the documentation shows is what happens: docstrings, README and pages as doctests."""

import doctest
import re
import runpy
from pathlib import Path

import numpy as np
import pytest
from conftest import IMPLEMENTATIONS

import fastact
import fastact.diagnostics
from fastact.activations import aliases, functions
from fastact.axiswise import ROW_FUNCTIONS
from fastact.channels import channel_functions

ROOT = Path(__file__).parents[1]
PAGES = [page for page in sorted(ROOT.glob("docs/**/*.md")) if ">>>" in page.read_text("utf-8")]
#: Numba compiles each function at its first call, a minute in all; the tests of accuracy do that.
EXAMPLES_ON = [name for name in IMPLEMENTATIONS if name != "numba"]
OTHERS = [*ROW_FUNCTIONS, *(name for name, _, _ in channel_functions())]
_ELEMENTWISE = {name for name, _, _ in functions()} | {name for name, _ in aliases()}
#: What is public besides.
REST = [
    getattr(module, name)
    for module in (fastact, fastact.diagnostics)
    for name in module.__all__
    if callable(getattr(module, name)) and name not in {*OTHERS, *_ELEMENTWISE}
] + [fastact.threaded]
#: What a block of the README may take for given, and where it is from.
GIVEN = {"numba": "numba", "MLPClassifier": "sklearn.neural_network", "Extension": "setuptools"}


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


@pytest.mark.parametrize("thing", REST, ids=lambda thing: thing.__name__)
def test_examples_of_the_rest(thing):
    assert failures(thing.__name__, thing.__doc__, fastact=fastact) == ""


def fenced(file, language):
    """The code blocks of a language in a Markdown file."""
    return re.findall(
        rf"^```{language}\n(.*?)^```$", file.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )


@pytest.mark.skipif(not PAGES, reason="not a checkout")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_examples_of_pages(page):
    assert failures(page.name, "\n".join(fenced(page, "pycon")), fastact=fastact) == ""


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")  # it need not converge
@pytest.mark.parametrize("block", fenced(ROOT / "README.md", "python") if PAGES else [])
def test_python_of_the_readme(block, tmp_path, monkeypatch):
    """It runs, with what its reader has: a layer's arrays and the libraries it is about."""
    monkeypatch.chdir(tmp_path)
    z, weights = np.linspace(-2, 2, 800).reshape(100, 8), np.ones((4, 8))
    names = {"np": np, "fastact": fastact, "x": z, "z": z, "y": np.heaviside(z, 0), "grad": z}
    names |= {"weights": weights, "update": weights / 1e3}
    for name, module in GIVEN.items():
        if name in block:
            library = pytest.importorskip(module)
            names[name] = getattr(library, name, library)
    file = tmp_path / "block.py"
    file.write_text(block, encoding="utf-8")
    runpy.run_path(str(file), names)


@pytest.mark.skipif(not PAGES, reason="not a checkout")
def test_the_citation_is_of_this_version():
    assert f"\nversion: {fastact.__version__}\n" in (ROOT / "CITATION.cff").read_text("utf-8")


def test_a_wrong_example_is_found(tmp_path):
    """The control: a result that is off, an error, and no example at all."""
    page = tmp_path / "page.md"
    page.write_text("```pycon\n>>> fastact.relu(2.0) == 3\nTrue\n```\n\n```pycon\n>>> 1 / 0\n```\n")
    said = failures("page", "\n".join(fenced(page, "pycon")), fastact=fastact)
    assert said.count("Failed example") == 2 and "ZeroDivisionError" in said
    with pytest.raises(AssertionError, match="no example"):
        failures("page", "no example")
