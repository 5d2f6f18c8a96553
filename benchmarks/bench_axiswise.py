"""Every function over an axis on every backend that runs here: one group for each function."""

import numpy as np
import pytest

from fastact.axiswise import ROW_FUNCTIONS
from fastact.backends import implementations


@pytest.mark.benchmark(max_time=0.1, min_rounds=5, warmup=True, warmup_iterations=3)
@pytest.mark.parametrize("implementation", list(implementations()))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(64, 1024), (4096, 10)], ids=["64x1024", "4096x10"])
@pytest.mark.parametrize("name", ROW_FUNCTIONS)
def test_speed(benchmark, name, shape, dtype, implementation):
    rng = np.random.default_rng(0)
    row = ROW_FUNCTIONS[name]
    x = rng.standard_normal(shape).astype(dtype)
    grad = rng.standard_normal(shape).astype(dtype)
    if row.activation:
        grad = grad[:, : shape[1] // 2]
    elif "labels" in row.inputs or name == "logsumexp_backward":
        grad = grad[:, 0]
    operands = {"x": x, "logits": x, "y": -np.abs(x), "grad": grad}
    operands["labels"] = rng.integers(0, shape[1], shape[0])
    benchmark.group = f"{name} {dtype} {shape}"
    function = getattr(implementations()[implementation], name)
    benchmark(function, *[operands[operand] for operand in row.inputs])
