# cython: language_level=3, boundscheck=False, wraparound=False

from cython cimport floating

from fastact.scalar cimport (
    gelu_with_derivative,
    leaky_relu_backward,
    sigmoid,
    sigmoid_derivative,
    softplus_backward_from_output,
)


def values(floating[::1] x, floating[::1] out):
    cdef Py_ssize_t i
    with nogil:
        for i in range(x.shape[0]):
            out[i] = sigmoid(x[i])


def derivatives(floating[::1] x, floating[::1] out):
    cdef Py_ssize_t i
    with nogil:
        for i in range(x.shape[0]):
            out[i] = sigmoid_derivative(x[i])


def pairs(floating[::1] x, floating[::1] y, floating[::1] dy):
    cdef Py_ssize_t i
    with nogil:
        for i in range(x.shape[0]):
            gelu_with_derivative(x[i], &y[i], &dy[i])


def gradients(floating[::1] grad, floating[::1] x, floating slope):
    cdef Py_ssize_t i
    with nogil:
        for i in range(x.shape[0]):
            grad[i] = leaky_relu_backward(grad[i], x[i], slope)


def gradients_from_output(floating[::1] grad, floating[::1] y, floating beta):
    cdef Py_ssize_t i
    with nogil:
        for i in range(y.shape[0]):
            grad[i] = softplus_backward_from_output(grad[i], y[i], beta)
