"""A package with loops of its own over fastact's formulas, built as a user would build it."""

from Cython.Build import cythonize
from setuptools import Extension, setup

import fastact

# What lets a compiler inline the formulas and vectorise the loop (fastact's README).
loops = Extension(
    "*",
    ["*.pyx"],
    define_macros=[("CYTHON_INLINE", "inline __attribute__((always_inline))")],
    extra_compile_args=["-O3", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=off"],
)
setup(ext_modules=cythonize([loops], include_path=[fastact.get_include()]))
