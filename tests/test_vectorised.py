"""No loop may lose its vectorisation: read off the machine code, not off a clock."""

import platform
import shutil

import pytest
from disassembly import by_symbol, code_of, innermost_loops, path
from disassembly import functions as code_by_symbol

from fastact import backends
from fastact.activations import functions
from fastact.tiers import TIERS as FEATURES

TIERS = backends.cython.built() if "cython" in backends.runnable() else []

pytestmark = [
    pytest.mark.skipif(not TIERS, reason="no extension is built"),
    pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="reads x86-64 code"),
    pytest.mark.skipif(not shutil.which("objdump"), reason="needs binutils"),
]

#: How an exp comes by its power of two: the shift of an integer into the exponent's place.
POWER_OF_TWO = r"^v?psll[dq]\s+\$0x(17|34),"

DIVISION = r"^v?(div|sqrt)ps\s"

every_loop = pytest.mark.parametrize(
    "name, row, operation",
    [
        pytest.param(name, row, operation, id=name)
        for name, row, operation in functions()
        if row.cost != "copy" or operation.suffix  # a copy of memory computes nothing
    ],
)


@every_loop
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("tier", TIERS)
def test_kernels_are_vectorised(tier, name, row, operation, dtype):
    loops = innermost_loops(tier, name, dtype)
    # One loop, and one for parameters that vary.
    expected = 1 + bool(row.parameters)
    packed = [loop for loop in loops if loop.is_packed(tier, dtype, row, operation)]
    assert len(packed) >= expected
    assert not any(loop.has("cvtps2pd|cvtss2sd") for loop in loops), "float computes as double"
    if row.cost in ("exp", "erf") and "y" not in operation.inputs:
        assert sum(loop.has(POWER_OF_TWO) for loop in packed) >= expected


@pytest.mark.parametrize("tier", TIERS)
def test_float16_is_converted_in_vectors(tier):
    loops = innermost_loops(tier, "loop", "float16")
    # Gathering shifts left by the 13 bits a float has more; scattering shifts right.
    gathers, scatters = r"^v?pslld\s+\$0xd,.*%[xyz]mm", r"^v?psrld\s+\$0xd,.*%[xyz]mm"
    if "f16c" in FEATURES[tier]:
        gathers, scatters = r"^vcvtph2ps\s.*%[yz]mm", r"^vcvtps2ph\s.*%[yz]mm"
    assert any(loop.has(gathers) for loop in loops)
    assert any(loop.has(scatters) for loop in loops)


@pytest.mark.parametrize("tier", TIERS)
def test_cost_class_is_what_the_loop_computes(tier):
    for name, row, operation in functions():
        if operation.suffix == "":
            loops = innermost_loops(tier, name, "float32")
            computes = any(loop.is_packed(tier, "float32", row, operation) for loop in loops)
            has_exp = any(loop.has(POWER_OF_TWO) for loop in loops)
            divides = any(loop.has(DIVISION) for loop in loops)
            found = "div" if divides else "max" if computes else "copy"
            assert row.cost in (("exp", "erf") if has_exp else (found,)), name


@pytest.mark.parametrize("tier", TIERS)
def test_scalar_code_is_told_from_vector_code(tier):
    # The check above would be empty if any loop counted as packed.
    loops = innermost_loops(tier, "sigmoid", "float32")
    assert any(not loop.is_packed(tier, "float32") for loop in loops)
    other = {"baseline": "avx512", "avx2": "avx512", "avx512": "baseline"}[tier]
    assert not any(loop.is_packed(other, "float64") for loop in loops)


@pytest.mark.parametrize("tier", backends.cython.runnable() if TIERS else [])
def test_symbol_is_the_address(tier):
    """So that kernels which cannot run here are found by their symbols."""
    code = code_by_symbol(path(tier))
    for name, _, _ in functions():
        for dtype in "float32", "float64":
            assert by_symbol(code, tier, name, dtype) is code_of(tier, name, dtype), name
