"""The stub: not stale, true of what runs, and known to mypy."""

import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import fastact

HERE = Path(__file__).parent
PACKAGE = Path(fastact.__file__).parent
GENERATOR = HERE.parent / "src" / "stubs.py"
CONFIG = HERE.parent / "pyproject.toml"

pytest.importorskip("mypy")


@pytest.fixture(scope="module")
def typed(tmp_path_factory):
    """A folder with the package as mypy needs it: in-tree, installed or not, the same."""
    folder = tmp_path_factory.mktemp("typed")
    modules = "__init__.pyi py.typed _get.py activations.py ufuncs.py backends/__init__.py"
    modules += " backends/numpy.py diagnostics/__init__.py"
    for module in modules.split():
        (folder / "fastact" / module).parent.mkdir(exist_ok=True)
        shutil.copy(PACKAGE / module, folder / "fastact" / module)
    return folder


def run(folder, *command):
    """What a module of mypy prints."""
    done = subprocess.run(
        [sys.executable, "-m", *map(str, command)],
        env=os.environ | {"MYPYPATH": str(folder), "PYTHONPATH": str(PACKAGE.parent)},
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert done.stderr == ""
    return done.stdout


@pytest.mark.skipif(not GENERATOR.exists(), reason="outside the source tree")
def test_the_stub_is_the_tables():
    generated = subprocess.run(
        [sys.executable, "-c", "import stubs; print(stubs.generate(), end='')"],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(GENERATOR.parent), str(HERE.parent)])},
        capture_output=True,
        text=True,
    )
    assert generated.stdout == (PACKAGE / "__init__.pyi").read_text(), (
        f"python src/stubs.py has to be run again {generated.stderr}"
    )


def test_stubtest(typed):
    """Names, ``__all__``, kinds and parameters agree with what is imported."""
    found = run(typed, "mypy.stubtest", "fastact", "--concise", "--mypy-config-file", CONFIG)
    # Not what modules have that came with it.
    own = re.compile(r"fastact(\.\w+)? (?!failed to find stubs).*|error: .*")
    assert not [line for line in found.splitlines() if own.fullmatch(line)]


def test_mypy(typed):
    """It finds every type of right.py, and every mistake of wrong.py."""
    samples = [HERE / "typed" / name for name in ("right.py", "wrong.py")]
    found = run(typed, "mypy", "--strict", "--config-file", CONFIG, *samples)
    errors = re.findall(r"(\w+\.py):(\d+): error: ", found)
    marked = [
        (path.name, str(number))
        for path in samples
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if line.endswith("# wrong")
    ]
    assert len(marked) > 10
    assert sorted({*errors}) == sorted(marked), found


def test_the_types_are_true(monkeypatch):
    """What right.py tells the type checker is what runs."""
    checked = []

    def check(value, kind):
        if isinstance(value, tuple):
            assert kind.__origin__ is tuple
            for part in zip(value, kind.__args__, strict=True):
                check(*part)
        elif hasattr(value, "dtype"):
            names = re.findall(r"float\d+|Any\b(?!,)|floating|Lazy", str(kind))
            assert names[-1] in (value.dtype.name, "Any", "floating", "Lazy")
            assert not str(kind).startswith("numpy.ndarray") or isinstance(value, np.ndarray)
        checked.append(kind)
        return value

    monkeypatch.setattr("typing_extensions.assert_type", check)
    runpy.run_path(str(HERE / "typed" / "right.py"))
    assert len(checked) > 30


def test_every_name_is_in_the_stub():
    """py.typed and the stub are installed; a name that is missing there is seen here."""
    assert (PACKAGE / "py.typed").exists()
    stub = (PACKAGE / "__init__.pyi").read_text()
    found = re.findall(r"^(?:def )?(\w+)(?::| =|\()|^from .* as (\w+)$", stub, re.MULTILINE)
    assert set(fastact.__all__) <= {a or b for a, b in found}
