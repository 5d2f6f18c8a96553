"""Importing and calling changes nothing in the process, on the disk or beyond."""

import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import fastact
from fastact import backends, channels
from fastact.activations import functions

if (sys.platform, platform.machine(), platform.libc_ver()[0]) != ("linux", "x86_64", "glibc"):
    pytest.skip("looks at a process as glibc has it on x86-64", allow_module_level=True)
from process_state import SABOTAGE, STATES

HERE = Path(__file__).parent
ROOT = HERE.parent


def changes(folder, work, *sabotage, **variables):
    """What a process of its own says that it changed; all of its folders are `folder`."""
    places = dict.fromkeys(("HOME", "TMPDIR", "XDG_CACHE_HOME"), str(folder))
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("FASTACT_", "NUMBA_"))}
    paths = [str(Path(fastact.__file__).parents[1]), str(HERE)]
    # Without bytecode, for writing that is Python's business.
    done = subprocess.run(
        [sys.executable, "-B", "-W", "error", HERE / "process_state.py", work, *sabotage],
        env=inherited | places | {"PYTHONPATH": os.pathsep.join(paths)} | variables,
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What importing and calling everything changed, and the folder in which it ran."""
    folder = tmp_path_factory.mktemp("empty")
    return changes(folder, "every_call"), folder


@pytest.mark.parametrize("name", STATES)
def test_process(name, found):
    assert name not in found[0]


def test_files_and_network(found):
    assert not [event for event in found[0] if event.startswith("audit")]
    assert not [*found[1].iterdir()]


def test_errno(found):
    assert not [change for change in found[0] if change.startswith("errno")]


def test_flags_that_are_raised(found):
    """By none but those that leave sums of a batch to NumPy."""
    raising = {name.rpartition(" ")[2] for name in found[0] if name.startswith("flags raised")}
    summing = {channels.WEIGHT_BACKWARD.name(fastact.activations.ACTIVATIONS["prelu"])}
    summing |= {name for name in fastact.axiswise.ROW_FUNCTIONS if "cross_entropy" in name}
    assert raising <= summing


def test_flags_that_are_cleared(found):
    """By no elementwise function; NumPy clears them where it casts, sums or has an axis."""
    clearing = {name.rpartition(" ")[2] for name in found[0] if name.startswith("flags cleared")}
    assert not clearing & {name for name, _, _ in functions()}


@pytest.mark.skipif("numba" not in backends.runnable(), reason="needs Numba")
def test_numba_writes_to_its_cache_alone(tmp_path):
    cache = tmp_path / "cache"
    found = changes(tmp_path, "numba_call", NUMBA_CACHE_DIR=str(cache))
    assert {*STATES}.intersection(found) <= {"threads"}  # of the BLAS of SciPy, which it imports
    assert [*tmp_path.iterdir()] == [cache]
    assert not [change for change in found if change.startswith("audit: socket")]


def test_every_change_is_found(tmp_path):
    """These tests can fail, each with what it looks for, and do not without."""
    assert changes(tmp_path, "nothing") == []
    found = changes(tmp_path, "nothing", *SABOTAGE)
    assert {*STATES} < {*SABOTAGE}
    assert [name for name in SABOTAGE if not any(f.startswith(name) for f in found)] == []


#: Python runs it in each process of pip and of the build.
NO_NETWORK = """
import sys
def listen(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        raise SystemExit(f"the network was asked: {event} {arguments}")
sys.addaudithook(listen)
"""


@pytest.mark.skipif(not (ROOT / "setup.py").exists(), reason="needs the source tree")
def test_installing_asks_for_nothing(tmp_path):
    """Once the requirements of the build are there, no step of it touches the network."""
    pytest.importorskip("pip")
    ignored = shutil.ignore_patterns(
        ".git", "build", "*.so", "*.egg-info", "__pycache__", "results"
    )
    shutil.copytree(ROOT, tmp_path / "tree", ignore=ignored)
    (tmp_path / "sitecustomize.py").write_text(NO_NETWORK)

    def python(*arguments):
        return subprocess.run(
            [sys.executable, *arguments],
            env=os.environ | {"PYTHONPATH": str(tmp_path), "FASTACT_DISABLE_EXTENSIONS": "1"},
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )

    options = ["--no-index", "--no-build-isolation", "--no-deps", "--target", "installed"]
    done = python("-m", "pip", "install", "--isolated", *options, tmp_path / "tree")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "installed/fastact/__init__.py").exists()
    asking = python("-c", "import socket; socket.create_connection(('localhost', 9))")
    assert "the network was asked" in asking.stderr
