"""Every function of the table on every backend that runs here.

``pytest benchmarks --benchmark-only`` prints one group for each function and dtype,
in which the backends stand side by side. The rows of a group are timed one after the
other; for ratios that one can rely on see ``exp_cost.py``, which interleaves.
"""

import operator

import pytest
from _measure import OPERANDS, SIZES, buffers, normal

from fastact.activations import functions
from fastact.backends import implementations


@pytest.mark.benchmark(max_time=0.1, min_rounds=5, warmup=True, warmup_iterations=3)
@pytest.mark.parametrize("implementation", list(implementations()))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "name, activation, operation", list(functions()), ids=[name for name, *_ in functions()]
)
def test_speed(benchmark, name, activation, operation, dtype, implementation, size):
    # Cases come from the table and operands from OPERANDS, so that a function nobody
    # can benchmark fails here, under --benchmark-only too, and is not merely left out.
    if operation.suffix not in OPERANDS:
        pytest.fail(f"{name} has no benchmark: give OPERANDS an entry {operation.suffix!r}")
    benchmark.group = f"{name} {dtype} {size}"

    function = getattr(implementations()[implementation], name)
    x = normal(SIZES[size], dtype, seed=1)
    inputs = OPERANDS[operation.suffix](activation.name, x, normal(x.size, dtype, seed=2))
    out = buffers(x, len(operation.outputs))
    result = benchmark(function, *inputs, *activation.required, out=out)

    # A benchmark of the wrong thing is worse than none.
    assert result is out or all(map(operator.is_, result, out))
