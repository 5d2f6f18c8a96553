"""The extension modules: one per instruction-set tier, each of them optional.

FASTACT_DISABLE_EXTENSIONS=1 builds none (a pure Python wheel); FASTACT_REQUIRE_EXTENSIONS=1
makes a failing compiler an error instead of a warning; FASTACT_SANITIZE=1 has every access to
memory and every undefined operation checked (CONTRIBUTING.md says how that is run).
"""

import os
import runpy
import subprocess
import sys

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

# Setuptools has put its own distutils there.
from distutils.ccompiler import new_compiler  # isort: skip
from distutils.sysconfig import customize_compiler  # isort: skip

TIERS = runpy.run_path(os.path.join("fastact", "tiers.py"))["TIERS"]
runpy.run_path(os.path.join("src", "projections.py"), run_name="__main__")

# Products are fused in the source, where it is wanted (fastact/elementary.pxd). The two other
# flags change no result; without them no loop vectorises.
UNIX_FLAGS = ["-O3", "-g0", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=off"]
# GCC duplicates the code after a condition and then blends each of its intermediate results, where
# blending the condition's would do: without, softplus takes 0.71 and gelu_tanh 0.77 of the cycles.
GCC_FLAGS = ["-fno-thread-jumps", "-fno-tree-pre"]
# Vector loops of up to 24 instructions, which are those that memory bounds, in steps of two vectors:
# no faster on an idle machine, but where something else slows a copy by a sixth prelu takes 0.62 of
# the time. Steps of four are no better. The rest of what -funroll-loops does is left out.
GCC_FLAGS += ["-funroll-loops", "--param=max-unroll-times=2", "--param=max-unrolled-insns=48"]
GCC_FLAGS += ["-fno-web", "-fno-rename-registers"]
# Overflows of floats and divisions by zero are IEEE's and meant: they are not among these. A
# finding ends the process. Nothing vectorises, so optimising more would only take time.
SANITIZE_FLAGS = ["-O1", "-g1", "-fno-omit-frame-pointer", "-fno-sanitize-recover=all"]
SANITIZERS = ["-fsanitize=address,undefined"]


def flag(name):
    return os.environ.get(name, "0") not in ("", "0")


def accepts(compiler, flags):
    """Whether a Unix compiler knows these flags."""
    command = [*compiler.compiler_so, "-Werror", *flags, "-x", "c", "-c", os.devnull]
    try:
        return subprocess.run([*command, "-o", os.devnull], capture_output=True).returncode == 0
    except OSError:  # there is none
        return False


def machine_flags(features):
    """The flags by which a Unix compiler is told of a tier's features."""
    wide = ["-mprefer-vector-width=512"] if "avx512f" in features else []
    return [*(f"-m{feature}" for feature in features), *wide]


def tiers(compiler):
    """The tiers whose flags a compiler takes, with their features."""
    unix = compiler.compiler_type == "unix"
    return {
        tier: features
        for tier, features in TIERS.items()
        if not features or (unix and accepts(compiler, machine_flags(features)))
    }


class BuildTiers(build_ext):
    """Builds the modules side by side, each with its tier's flags."""

    def finalize_options(self):
        super().finalize_options()
        self.parallel = self.parallel or os.cpu_count()

    def build_extensions(self):
        unix = self.compiler.compiler_type == "unix"
        for tier in [tier for tier in TIERS if tier not in tiers(self.compiler)]:
            flags = " ".join(machine_flags(TIERS[tier]))
            self.warn(f"the tier {tier} is left out: the compiler does not take {flags}")
        flags = UNIX_FLAGS
        if unix and accepts(self.compiler, GCC_FLAGS):
            flags = UNIX_FLAGS + GCC_FLAGS
        sanitizers = SANITIZERS if flag("FASTACT_SANITIZE") else []
        if sanitizers:
            flags = flags + SANITIZE_FLAGS + SANITIZERS
        for extension in self.extensions:
            if unix:
                # Each loop is one function: a formula that is left as a call is not vectorised.
                inline = "inline" if sanitizers else "inline __attribute__((always_inline))"
                extension.define_macros.append(("CYTHON_INLINE", inline))
                extension.extra_compile_args = flags + machine_flags(extension.fastact_features)
                extension.extra_link_args = sanitizers
        super().build_extensions()


def extensions():
    if flag("FASTACT_DISABLE_EXTENSIONS"):
        return []
    compiler = new_compiler()
    customize_compiler(compiler)
    if compiler.compiler_type == "unix" and not accepts(compiler, ["-Wno-error"]):
        # Said before Cython has worked for a minute in vain.
        notice = f"fastact: no C compiler, {compiler.compiler_so[0]} does not work"
        if flag("FASTACT_REQUIRE_EXTENSIONS"):
            raise SystemExit(f"{notice}, and FASTACT_REQUIRE_EXTENSIONS is set")
        print(f"{notice}: installing as pure Python", file=sys.stderr)
        return []
    import numpy
    from Cython.Build import cythonize

    modules = []
    features = {"_cpu": (), "_defaults": ()} | {
        f"_{kind}_{tier}": needed
        for kind in ("ufuncs", "counting")
        for tier, needed in tiers(compiler).items()
    }
    for name in features:
        modules.append(
            Extension(
                f"fastact.{name}",
                ["fastact/_defaults.py" if name == "_defaults" else f"src/{name}.pyx"],
                include_dirs=[numpy.get_include()],
                define_macros=[
                    ("NPY_TARGET_VERSION", "NPY_2_0_API_VERSION"),
                    ("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION"),
                ],
                depends=[
                    "src/ufuncs.pxi",
                    "src/axiswise.pxi",
                    "src/channels.pxi",
                    "src/counting.pxi",
                    "fastact/elementary.pxd",
                    "fastact/formulas.pxd",
                ],
            )
        )
    built = cythonize(
        modules,
        build_dir="build/cython",
        nthreads=os.cpu_count() if sys.platform == "linux" else 0,
        cache=os.environ.get("CYTHON_CACHE_DIR") or False,
        compiler_directives={
            "language_level": 3,
            "boundscheck": False,
            "wraparound": False,
            "cdivision": True,
            # What the modules hold is written while they are imported; see also fastact_promote.
            "freethreading_compatible": True,
        },
    )
    for extension in built:
        extension.fastact_features = features[extension.name.rpartition(".")[2]]
        extension.optional = not flag("FASTACT_REQUIRE_EXTENSIONS")  # cythonize drops it
    return built


setup(ext_modules=extensions(), cmdclass={"build_ext": BuildTiers})
