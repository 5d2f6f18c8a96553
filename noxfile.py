"""The project's chores: ``nox --list`` tells them, ``nox -s tests`` does one.

``.ci/run`` does those that have to pass. ``wheel`` leaves its files in build/wheels; what looks at
an installed package installs them, in a folder from which the source tree cannot be imported.
"""

import os
import re
import shutil
import sys
import zipfile
from pathlib import Path

import nox

nox.needs_version = ">=2025.2"
nox.options.sessions = ["lint", "wheel", "tests"]
nox.options.error_on_external_run = True

ROOT = Path(__file__).parent
WHEELS = ROOT / "build" / "wheels"
# A release for which there is a build without CUDA everywhere.
TORCH = "torch==2.13.0"
#: What a session, or whoever calls it, must not have set, and Cython's results, made once.
ENVIRONMENT = dict.fromkeys(["PYTHONPATH", "FASTACT_BACKEND", "FASTACT_ISA"])
ENVIRONMENT["CYTHON_CACHE_DIR"] = str(ROOT / "build" / "cython-cache")


def temporary(session, name):
    """The path of a file or folder, which is not there, in the session's own."""
    path = Path(session.create_tmp()).resolve() / name
    shutil.rmtree(path, ignore_errors=True)
    return path


def clone(session):
    """A copy of what is committed."""
    folder = temporary(session, "clone")
    session.run("git", "clone", "--quiet", str(ROOT), str(folder), external=True)
    return folder


def go_elsewhere(session):
    """Change to a folder with the tests, benchmarks and examples alone."""
    away = temporary(session, "away")
    for name in "benchmarks", "examples", "tests":
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, away / name, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", away)
    session.chdir(away)


def built(pattern):
    """The one file in build/wheels that fits a pattern."""
    (file,) = WHEELS.glob(pattern)
    return file


def install(session, kind, extras, reports):
    """Install the wheel of a kind; what ``python -m fastact`` tells has to fit `reports`."""
    wheel = built(f"{kind}/*.whl")
    session.install("--force-reinstall", "--no-deps", str(wheel))
    session.install(f"{wheel}[{extras}]")
    told = session.run("python", "-m", "fastact", silent=True)
    session.log(told)
    if not re.search(reports, told, re.MULTILINE) or "site-packages" not in told:
        session.error(f"expected {reports}, in site-packages")


def pip_wheel(session, folder, **environment):
    """Build a wheel from the sdist; its name, its modules and what pip printed."""
    sdist = built("*.tar.gz")
    shutil.rmtree(WHEELS / folder, ignore_errors=True)
    command = ["pip", "wheel", "-v", "--no-deps", "-w", str(WHEELS / folder), str(sdist)]
    told = session.run("python", "-m", *command, silent=True, env=ENVIRONMENT | environment)
    wheel = built(f"{folder}/*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    return wheel, sorted(name for name in names if re.search(r"\.(so|pyd)$", name)), told


@nox.session(venv_backend="none")
def readme(session):
    """The README's test command as it stands there, in a copy of the tree."""
    text = (ROOT / "README.md").read_text()
    (command,) = re.findall(r"<!-- test -->\n```\n(.+)\n```", text)
    session.chdir(clone(session))
    session.run("bash", "-ec", command, external=True, env=ENVIRONMENT)


@nox.session
def lint(session):
    """What pre-commit looks at, in the whole tree."""
    project = nox.project.load_toml("pyproject.toml")
    session.install(*nox.project.dependency_groups(project, "lint"))
    session.run("pre-commit", "run", "--all-files", "--show-diff-on-failure")


@nox.session
def wheel(session):
    """The sdist, from it a compiled and a pure wheel, each in isolation, and checkers' verdicts."""
    session.install("build", "auditwheel", "check-wheel-contents", "twine")
    shutil.rmtree(WHEELS, ignore_errors=True)
    without = {"FASTACT_DISABLE_EXTENSIONS": "1"}  # an sdist is the same, and Cython is spared
    command = ["python", "-m", "build", "--sdist", "-o", str(WHEELS), str(clone(session))]
    session.run(*command, env=ENVIRONMENT | without)
    pure, nothing, _ = pip_wheel(session, "pure", **without)
    compiled, modules, _ = pip_wheel(session, "compiled", FASTACT_REQUIRE_EXTENSIONS="1")
    assert modules and not nothing and pure.name.endswith("-py3-none-any.whl")
    assert compiled.stat().st_size < 4e6, compiled.stat().st_size
    session.log(f"{compiled.name}: {compiled.stat().st_size / 1e6:.2f} MB, {len(modules)} modules")
    if sys.platform == "linux":
        told = session.run("auditwheel", "show", str(compiled), silent=True)
        session.log(told)
        minor = re.search(r'following platform tag:\s+"manylinux_2_(\d+)_', told.replace("\n", " "))
        assert minor and int(minor[1]) <= 17, "newer than manylinux_2_17"
    session.run("check-wheel-contents", str(compiled), str(pure))
    session.run("twine", "check", "--strict", *map(str, [compiled, pure, built("*.tar.gz")]))


@nox.session(requires=["wheel"])
def tests(session):
    """The tests on the wheels: ``-- pure``, ``-- compiled`` or ``-- baseline``, or on all three."""
    states = session.posargs or ["pure", "compiled", "baseline"]
    session.env.update(ENVIRONMENT)
    go_elsewhere(session)
    # All that Numba compiles takes longer than everything else: `readme` has seen it, in the tree.
    common = ["pytest", "--quiet", "tests", "-k", "not numba"]
    numba = "tests/test_operations_agree.py", "tests/test_nopython.py"
    if "pure" in states:
        install(session, "pure", "test", "^backend *numpy ")
        session.run(*common)
        session.run("pytest", "--quiet", *numba)
    if "compiled" in states:
        session.install(TORCH)
        install(session, "compiled", "test,compat", "^backend *cython ")
        session.run(*common)
    if "baseline" in states:
        # The tests above look at every tier; these at what the environment binds.
        session.env["FASTACT_ISA"] = "baseline"
        install(session, "compiled", "test", "^tier *baseline")
        files = "selection", "signatures", "operations_agree"
        session.run("pytest", "--quiet", *(f"tests/test_{file}.py" for file in files))


@nox.session(requires=["wheel"])
def bench(session):
    """The benchmarks and examples run, shortly; every function has a benchmark."""
    session.env.update(ENVIRONMENT)
    go_elsewhere(session)
    session.install(TORCH)
    install(session, "compiled", "test,compat", "^backend *cython ")
    session.run("pytest", "--quiet", "--benchmark-disable", "benchmarks")
    for command in """
        benchmarks/exp_cost.py --quick --output results
        benchmarks/lecture.py --quick --output results
        benchmarks/monitor_cost.py --rounds 5
        benchmarks/njit.py --seconds 0.1
        benchmarks/axiswise.py --seconds 0.1
        benchmarks/threads.py --seconds 0.1
        benchmarks/call_cost.py
        examples/train_mlp.py --epochs 2
        examples/train_njit.py --epochs 2 --activation gelu
        examples/autograd_mlp.py --epochs 2
        examples/torch_module.py --epochs 2
        examples/sklearn_mlp.py --epochs 2
        examples/cython_loop/train.py --epochs 2
    """.strip().splitlines():
        session.run("python", *command.split())


@nox.session
def docs(session):
    """The site, warnings as errors."""
    session.install("-e", ".[docs]", env=ENVIRONMENT | {"FASTACT_DISABLE_EXTENSIONS": "1"})
    session.run("sphinx-build", "-W", "--keep-going", "-b", "html", "docs", "build/docs")


@nox.session(requires=["wheel"])
def oldest(session):
    """The compiled wheel, which is built against the newest NumPy, on the oldest it runs on."""
    session.env.update(ENVIRONMENT)
    go_elsewhere(session)
    # Each Python has its first NumPy; 2.0 is the oldest of all.
    first = {13: "2.1", 14: "2.3"}.get(sys.version_info[1], "2.0")
    session.install(f"numpy=={first}.*")
    session.install("pytest", "pytest-xdist", "mpmath", str(built("compiled/*.whl")))
    files = "layouts", "special_values", "exact_values", "bad_input"
    session.run("pytest", "--quiet", *(f"tests/test_{file}.py" for file in files))


@nox.session(requires=["wheel"])
def faults(session):
    """An installation from the sdist without a compiler, and with one that lacks AVX-512."""
    session.install("pip")
    bin_ = temporary(session, "bin")
    bin_.mkdir()
    for name, environment in {
        "no compiler in PATH": {"PATH": str(bin_)},
        "a failing compiler": {"CC": "/bin/false"},
    }.items():
        wheel, modules, told = pip_wheel(session, "failed", **environment)
        assert not modules and wheel.name == built("pure/*.whl").name, name
        assert told.count("installing as pure Python") >= 1, name
        # The tests have been passed by the pure wheel, which is the same.
        assert contents(wheel) == contents(built("pure/*.whl")), name
    with_error = session.run(
        *["python", "-m", "pip", "wheel", "--no-deps", "-w", str(WHEELS / "failed")],
        str(built("*.tar.gz")),
        env=ENVIRONMENT | {"CC": "/bin/false", "FASTACT_REQUIRE_EXTENSIONS": "1"},
        success_codes=[1],
        silent=True,
    )
    assert "no C compiler, /bin/false does not work" in with_error
    old = bin_ / "old-cc"
    real = os.environ.get("CC", "cc")
    # What it compiles is looked at, not timed.
    old.write_text(
        '#!/bin/bash\ncase "$*" in *avx512*) echo "unknown option -mavx512f" >&2; exit 1;; esac\n'
        f'exec {real} "${{@/#-O3/-O0}}"\n'
    )
    old.chmod(0o755)
    wheel, modules, told = pip_wheel(
        session, "old", CC=str(old), LDSHARED=f"{old} -shared", FASTACT_REQUIRE_EXTENSIONS="1"
    )
    assert told.count("the tier avx512 is left out") == 1, told
    assert any("avx2" in name for name in modules) and not any("512" in name for name in modules)
    session.install("--force-reinstall", str(wheel))
    session.chdir(bin_)
    told = session.run("python", "-m", "fastact", silent=True, env=ENVIRONMENT)
    assert re.search("^built *baseline avx2$", told, re.MULTILINE), told
    session.log("4 of 4 compilers: none, a failing one, the same where it is needed, an old one")


def contents(wheel):
    """The files of a wheel and what is in them, but for its own record."""
    archive = zipfile.ZipFile(wheel)
    return {name: archive.read(name) for name in archive.namelist() if "RECORD" not in name}


@nox.session
def sanitize(session):
    """The tests on extensions that AddressSanitizer and UBSan watch."""
    session.install("cython>=3.3", "numpy", "setuptools>=77")
    session.install("pytest", "pytest-xdist", "hypothesis", "mpmath[gmpy]", "ml_dtypes")
    session.chdir(clone(session))
    session.env.update(ENVIRONMENT | {"FASTACT_SANITIZE": "1", "FASTACT_REQUIRE_EXTENSIONS": "1"})
    session.install("--no-build-isolation", "-e", ".[test]" if session.posargs else ".")
    libraries = [
        session.run("gcc", f"-print-file-name={name}.so", silent=True, external=True).strip()
        for name in ("libasan", "libubsan", "libstdc++")
    ]
    session.run(
        *[
            "pytest",
            "--quiet",
            "-k",
            # Not what reads machine code, nor the browser, which would be watched too.
            "not numba and not vectorised and not instructions and not lecture_page and not quietly",
            *(session.posargs or SANITIZED),
        ],
        env={
            "LD_PRELOAD": " ".join(libraries),
            "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1",
            "PYTHONMALLOC": "malloc",
        },
    )


#: Those that lead a loop to an operand's ends; `nox -s sanitize -- tests` takes all.
SANITIZED = [
    f"tests/test_{name}.py"
    for name in ("hostile", "layouts", "bad_input", "axiswise", "channels", "special_values")
]


@nox.session
def aarch64(session):
    """The extension for Arm: its loops read, its results compared under an emulator with mpmath's."""
    needed = "aarch64-linux-gnu-gcc", "aarch64-linux-gnu-objdump", "qemu-aarch64", "apt-get"
    if missing := [name for name in needed if not shutil.which(name)]:
        session.skip(
            f"{', '.join(missing)} not found; of Debian, with its mirror in reach: "
            "apt-get install gcc-aarch64-linux-gnu qemu-user"
        )
    root = python_for_arm(session)
    (python,) = (root / "usr" / "bin").glob("python3.??")
    version = python.name.removeprefix("python")
    site, lib, config = (temporary(session, name) for name in ("site", "lib", "config"))
    session.install("cython>=3.3", "numpy", "pip", "setuptools>=77")
    platforms = [f"--platform=manylinux_2_{minor}_aarch64" for minor in (17, 27, 28)]
    session.run(
        *["python", "-m", "pip", "install", "--quiet", "--only-binary=:all:", *platforms],
        *[f"--python-version={version}", f"--target={site}", "mpmath", "numpy", "pytest"],
    )
    # Python's own description of its build makes setuptools one for Arm.
    (described,) = root.glob("usr/lib/python3.*/_sysconfigdata__aarch64-linux-gnu.py")
    config.mkdir()
    shutil.copy(described, config)
    includes = (
        site / "numpy/_core/include",
        root / "usr/include" / python.name,
        root / "usr/include",
    )
    environment = {
        "_PYTHON_HOST_PLATFORM": "linux-aarch64",
        "_PYTHON_SYSCONFIGDATA_NAME": described.stem,
        "PYTHONPATH": str(config),
        "CC": needed[0],
        "LDSHARED": f"{needed[0]} -shared",
        "CFLAGS": f"-isystem {' -isystem '.join(map(str, includes))}",
        "FASTACT_REQUIRE_EXTENSIONS": "1",
    }
    with session.chdir(clone(session)):
        build = ["python", "setup.py", "--quiet", "build_ext", f"--build-lib={lib}"]
        session.run(*build, silent=True, env=ENVIRONMENT | environment)
        shutil.copytree("fastact", lib / "fastact", dirs_exist_ok=True)
    go_elsewhere(session)
    (loops,) = (lib / "fastact").glob("_ufuncs_*.so")  # the baseline's alone
    session.run("python", "tests/neon.py", str(loops), env=ENVIRONMENT | {"PYTHONPATH": str(lib)})
    emulated = [needed[2], "-L", str(root), str(python), "-m"]
    environment = ENVIRONMENT | {"PYTHONPATH": f"{lib}:{site}", "FASTACT_ISA": "baseline"}
    session.run(*emulated, "fastact", env=environment, external=True)
    tests = session.posargs or ["tests/test_exact_values.py", "tests/test_special_values.py"]
    session.run(
        *[*emulated, "pytest", "--quiet", "-o", "addopts=", "-k", "cython or wrong", *tests],
        env=environment,
        external=True,
    )


def python_for_arm(session):
    """The root of a file system with Debian's Python for Arm, from the distribution's mirror."""
    state, root = (ROOT / "build" / "aarch64" / name for name in ("apt", "root"))
    if (root / "usr" / "bin" / "python3").exists():
        return root
    (state / "lists" / "partial").mkdir(parents=True, exist_ok=True)
    (state / "cache" / "archives" / "partial").mkdir(parents=True, exist_ok=True)
    (state / "status").touch()
    # A state of its own: what is installed here is neither asked nor changed.
    settings = {
        "APT::Architecture": "arm64",
        "APT::Architectures": "arm64",
        "Dir::State": state,
        "Dir::State::status": state / "status",
        "Dir::Cache": state / "cache",
    }
    apt = ["apt-get", "-q", *(f"-o{key}={value}" for key, value in settings.items())]
    packages = "python3", "libpython3-dev", "libstdc++6"
    for command in ["update"], ["install", "-y", "-d", "--no-install-recommends", *packages]:
        try:
            session.run(*apt, *command, silent=True, external=True)
        except nox.command.CommandFailed:
            session.skip("the distribution's mirror has no Python for arm64, or is out of reach")
    for archive in (state / "cache" / "archives").glob("*.deb"):
        session.run("dpkg", "-x", str(archive), str(root), external=True, log=False)
    return root
