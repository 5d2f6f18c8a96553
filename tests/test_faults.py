"""What a broken or unusual installation does: it works on, or says what is wrong and what to do.

Each test runs a copy of the package in a process of its own. What a missing or an old compiler
does is looked at by the session `faults` of noxfile.py.
"""

import os
import re
import shutil
from pathlib import Path

import pytest
from test_selection import CYTHON, compiled, run

import fastact
from fastact import backends
from fastact.backends.numba import OLDEST

PACKAGE = Path(fastact.__file__).parent
TIERS = backends.cython.runnable() if CYTHON else [""]
#: The modules that are loaded, each with what computes where it cannot be: backend, tier, and
#: whether the passes of the diagnostics are compiled.
NEXT_BEST = {
    "_cpu": "numpy None False",
    "_defaults": f"cython {TIERS[-1]} True",
    f"_ufuncs_{TIERS[-1]}": f"cython {TIERS[-2]} True" if TIERS[1:] else "numpy None False",
    f"_counting_{TIERS[-1]}": f"cython {TIERS[-1]} False",
}
TELL = (
    "import sys, fastact; from fastact.diagnostics import _passes\n"
    "assert fastact.leaky_relu(-1.0) == -0.01 and fastact.sigmoid(0.0) == 0.5\n"
    "tier = getattr(sys.modules.get('fastact.backends.cython'), 'tier', None)\n"
    "print(fastact.backend, tier, _passes.compiled is not None)"
)


def copy(folder, extensions=True):
    """A copy of the package in a folder."""
    left_out = ["__pycache__"] if extensions else ["__pycache__", "*.so", "*.pyd"]
    shutil.copytree(PACKAGE, folder / "fastact", ignore=shutil.ignore_patterns(*left_out))
    return folder


def extension(folder, name):
    """The file of an extension module."""
    return next(path for path in (folder / "fastact").glob(f"{name}.*") if path.suffix != ".py")


def pretend(folder, name, version):
    """A package of that version, its metadata included, in a folder."""
    (folder / name).mkdir()
    (folder / name / "__init__.py").write_text(f"__version__ = {version!r}\n")
    (folder / f"{name}-{version}.dist-info").mkdir()
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    (folder / f"{name}-{version}.dist-info" / "METADATA").write_text(metadata)
    return folder


# A file that is cut off behind its header is mapped beyond its end: the loader dies of SIGBUS.
@compiled
@pytest.mark.parametrize("damage", ["empty", "garbage", "another machine's"])
@pytest.mark.parametrize("name, next_best", NEXT_BEST.items())
def test_corrupt_extension_is_named_and_done_without(tmp_path, name, next_best, damage):
    file = extension(copy(tmp_path), name)
    code = file.read_bytes()
    other = code[:18] + bytes([code[18] ^ 0xFF]) + code[19:]  # there an ELF file has it
    file.write_bytes({"empty": b"", "garbage": b"garbage" * 1000}.get(damage, other))
    # As an error the warning ends the import: it has the file's name and the loader's reason.
    error = run(TELL, PYTHONPATH=str(tmp_path)).splitlines()[-1]
    assert re.match(rf"RuntimeWarning: fastact: .*{re.escape(str(file))}: \w+", error)
    ignored = "import warnings; warnings.simplefilter('ignore')\n"
    assert run(ignored + TELL, PYTHONPATH=str(tmp_path)) == next_best


@compiled
@pytest.mark.parametrize("tier", TIERS)
def test_corrupt_tier_that_was_asked_for_is_an_error(tmp_path, tier):
    file = extension(copy(tmp_path), f"_ufuncs_{tier}")
    file.write_bytes(b"garbage")
    error = run(TELL, PYTHONPATH=str(tmp_path), FASTACT_ISA=tier).splitlines()[-1]
    assert error.startswith("ImportError: ") and str(file) in error
    # One that nobody asked for is not even looked at.
    if tier != TIERS[-1]:
        assert run(TELL, PYTHONPATH=str(tmp_path)) == f"cython {TIERS[-1]} True"


def test_old_numpy_is_named_with_what_to_install(tmp_path):
    old = pretend(copy(tmp_path), "numpy", "1.26.4")
    error = run("import fastact", PYTHONPATH=str(old)).splitlines()[-1]
    assert error.startswith("ImportError: fastact needs NumPy 2.0 or newer, here is 1.26.4: pip ")


@pytest.mark.parametrize("version, works", [("0.60.0", False), ("0.61.0rc1", True)])
def test_old_numba_is_named_with_what_to_install(tmp_path, version, works):
    old = pretend(copy(tmp_path), "numba", version)
    found = run("import fastact; print('bound')", PYTHONPATH=str(old), FASTACT_BACKEND="numba")
    if works:
        assert found == "bound"
    else:
        error = found.splitlines()[-1]
        assert error.startswith("ImportError: fastact: the Numba backend needs Numba 0.61 or newer")
        assert "here is 0.60.0: pip install" in error
    # Whatever is there, the others do not look at it.
    assert run(TELL, PYTHONPATH=str(old)) == run(TELL)


def test_oldest_numba_is_the_one_that_the_extra_asks_for():
    project = (Path(__file__).parents[1] / "pyproject.toml").read_text()
    assert f'numba = ["numba>={OLDEST[0]}.{OLDEST[1]}"]' in project


def test_nothing_is_written_beside_the_package(tmp_path):
    """As in site-packages that are read-only, root's included."""
    folder = copy(tmp_path)
    refuse = (
        "import os, sys\n"
        "def refuse(event, given):\n"
        "    path = str(given[0]) if given and isinstance(given[0], (str, os.PathLike)) else ''\n"
        "    written = event in ('os.mkdir', 'os.remove', 'os.rename', 'os.chmod') or (\n"
        "        event == 'open' and given[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))\n"
        f"    if written and path.startswith({str(folder)!r}):\n"
        "        raise PermissionError(13, 'Permission denied', path)\n"
        "sys.addaudithook(refuse)\n"
    )
    with_control = refuse + f"open({str(folder / 'written')!r}, 'w')"
    assert run(with_control).splitlines()[-1].startswith("PermissionError")
    before = sorted(folder.rglob("*"))
    assert run(refuse + TELL, PYTHONPATH=str(folder)) == run(TELL)
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize("first_is_compiled", [False, True] if CYTHON else [False])
def test_of_two_versions_on_the_path_the_first_is_the_only_one(tmp_path, first_is_compiled):
    folders = []
    for number in range(2):
        folders.append(copy(tmp_path / str(number), extensions=first_is_compiled == (number == 0)))
        file = folders[-1] / "fastact" / "__init__.py"
        release = f'__version__ = "{number}.5"'
        file.write_text(re.sub("__version__ = .*", release, file.read_text()))
    code = (
        f"{TELL}\nprint(fastact.__version__)\n"
        "files = [m.__file__ for n, m in sys.modules.items() if n.startswith('fastact')]\n"
        f"assert len(files) > 10 and all(f.startswith({str(folders[0])!r}) for f in files), files"
    )
    path = os.pathsep.join(map(str, folders))
    expected = f"cython {TIERS[-1]} True" if first_is_compiled else "numpy None False"
    assert run(code, PYTHONPATH=path) == f"{expected}\n0.5"
