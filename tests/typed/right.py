"""What a type checker has to find of every kind of function; tests/test_types.py runs it too."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import assert_type

import fastact
from fastact.backends import numpy as backend


class Lazy:
    """A stand-in for another library's array."""

    __array_priority__ = 11
    dtype = np.dtype(object)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **keywords: Any) -> Any:
        return (self, self) if ufunc.nout == 2 else self


half = np.ones(3, np.float16)
single = np.ones(3, np.float32)
double = np.ones(3, np.float64)
whole = np.ones(3, np.int64)

# Elementwise: a float gives itself.
assert_type(fastact.gelu(half), NDArray[np.float16])
assert_type(fastact.sigmoid(single), NDArray[np.float32])
assert_type(fastact.expit(double), NDArray[np.float64])
assert_type(fastact.sigmoid_derivative(np.float32(1)), np.float32)
assert_type(fastact.sigmoid(1.0), np.float64)
assert_type(fastact.sigmoid(whole), NDArray[np.floating])
assert_type(fastact.sigmoid([1, 2.0]), Any)
assert_type(fastact.sigmoid_backward(single, single), NDArray[np.float32])
mixed: NDArray[np.floating] = fastact.sigmoid_backward_from_output(single, double)
assert_type(fastact.tanh_with_derivative(single), tuple[NDArray[np.float32], NDArray[np.float32]])
assert_type(fastact.sigmoid.nin + fastact.tanh_with_derivative.nout, int)

# Keywords of a ufunc.
assert_type(fastact.sigmoid(whole, dtype=np.float32), NDArray[np.float32])
assert_type(
    fastact.sigmoid(whole, out=double, where=double > 0, casting="same_kind"),
    np.ndarray[tuple[int], np.dtype[np.float64]],
)

# Parameters.
assert_type(fastact.leaky_relu(single), NDArray[np.float32])
assert_type(fastact.leaky_relu(single, 0.2), NDArray[np.float32])
assert_type(fastact.prelu(single, weight=single), NDArray[np.float32])
assert_type(fastact.hard_tanh_backward(single, single, -1, max_val=2), NDArray[np.float32])
assert_type(
    fastact.elu_with_derivative(single, alpha=0.5), tuple[NDArray[np.float32], NDArray[np.float32]]
)

# Channels, and over an axis.
assert_type(fastact.bias_leaky_relu(single, single, negative_slope=0.1), NDArray[np.float32])
assert_type(
    fastact.bias_gelu_backward(single, single, single),
    tuple[NDArray[np.float32], NDArray[np.float32]],
)
assert_type(fastact.prelu_weight_backward(single, single, single), NDArray[np.float32])
assert_type(fastact.softmax(single, axis=0), NDArray[np.float32])
assert_type(fastact.logsumexp(single, keepdims=True), Any)
assert_type(
    fastact.softmax_cross_entropy_with_derivative(single, np.int64(0), reduction="mean"),
    tuple[Any, NDArray[np.float32]],
)

# Arrays of other libraries keep their type.
assert_type(fastact.silu(Lazy()), Lazy)
assert_type(fastact.silu_with_derivative(Lazy()), tuple[Lazy, Lazy])
assert_type(fastact.leaky_relu_backward(single, Lazy(), 0.1), Lazy)

# By name.
activation = fastact.get("elu", alpha=2)
assert_type(activation.forward(single), NDArray[np.float32])
assert_type(activation.backward(single, single), NDArray[np.float32])

# Of a backend.
assert_type(backend.mish(single), NDArray[np.float32])
assert_type(
    backend.bias_relu(single, single, out=single), np.ndarray[tuple[int], np.dtype[np.float32]]
)
