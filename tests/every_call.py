"""A call of every public function that computes, for the tests of what happens around calls."""

import numpy as np

import fastact
from fastact.activations import functions
from fastact.axiswise import ROW_FUNCTIONS
from fastact.channels import channel_functions

SHAPE = (7, 40)


def every_call(namespace=fastact, dtype=np.float32, shape=SHAPE):
    """Yield each function of `namespace` with operands: gradients, inputs, biases, labels."""
    rng = np.random.default_rng(0)

    def draw(shape):
        return rng.normal(0, 3, shape).astype(dtype)

    for name, row, operation in (*functions(), *channel_functions()):
        operands = [draw(shape[name in ("b", "weight") :]) for name in operation.inputs]
        if "weight" not in operation.inputs:
            operands += row.required
        yield getattr(namespace, name), operands
    for name, row in ROW_FUNCTIONS.items():
        operands = []
        for operand in row.inputs:
            if operand == "labels":
                operands.append(rng.integers(0, shape[-1], shape[:-1]))
            elif operand == "grad" and row.activation:
                operands.append(draw((*shape[:-1], shape[-1] // 2)))
            elif operand == "grad" and ("labels" in row.inputs or name == "logsumexp_backward"):
                operands.append(draw(shape[:-1]))
            else:
                operands.append(draw(shape))
        yield getattr(namespace, name), operands


def outputs(function, operands, **keywords):
    """What the function returns, as a tuple of arrays."""
    results = function(*operands, **keywords)
    return tuple(map(np.asarray, results if isinstance(results, tuple) else (results,)))


def digest(namespace=fastact, dtype=np.float32):
    """The bytes of all results."""
    calls = every_call(namespace, dtype)
    return b"".join(x.tobytes() for call in calls for x in outputs(*call))


def digest_of_backend(name):
    """The same in a process of its own, if it has bound that backend."""
    assert fastact.backend == name
    return digest()
