# cython: language_level=3, boundscheck=False, wraparound=False
"""A hidden layer's loops, with the formulas of gelu inlined: one pass each way."""

from fastact.scalar cimport gelu_with_derivative


def forward(float[:, ::1] z, float[::1] bias, float[:, ::1] h, float[:, ::1] slope):
    """h = gelu(z + bias) and slope = gelu'(z + bias)."""
    cdef Py_ssize_t i, j
    with nogil:
        for i in range(z.shape[0]):
            for j in range(z.shape[1]):
                gelu_with_derivative(z[i, j] + bias[j], &h[i, j], &slope[i, j])


def backward(float[:, ::1] grad, float[:, ::1] slope, float[::1] grad_bias):
    """grad *= slope; grad_bias becomes its sum over the batch."""
    cdef Py_ssize_t i, j
    with nogil:
        grad_bias[:] = 0
        for i in range(grad.shape[0]):
            for j in range(grad.shape[1]):
                grad[i, j] *= slope[i, j]
                grad_bias[j] += grad[i, j]
