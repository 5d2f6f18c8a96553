"""The lecture's activations as one writes them with NumPy alone."""

import numpy as np


class NumPyIdioms:
    """What one writes without fastact, at its best: every ufunc has its buffer.

    Derivatives by the textbook's y(1-y) and 1-y^2, although they lose the tails.
    """

    def __init__(self, x):
        self.scratch = np.zeros_like(x)
        self.mask = np.zeros(x.shape, bool)

    def relu(self, x, out):
        return np.maximum(x, 0, out=out)

    def relu_derivative(self, x, out):
        return np.greater(x, 0, out=out)

    def relu_with_derivative(self, x, out):
        return self.relu(x, out[0]), self.relu_derivative(x, out[1])

    def relu_backward(self, grad, x, out):
        np.greater(x, 0, out=self.mask)
        return np.multiply(grad, self.mask, out=out)

    def leaky_relu(self, x, out):
        np.multiply(x, 0.01, out=out)
        return np.maximum(x, out, out=out)

    def leaky_relu_derivative(self, x, out):
        # np.where and copyto(where=) branch on each element: 5 ns where this takes 0.4.
        np.greater(x, 0, out=self.mask)
        np.multiply(self.mask, 0.99, out=out)
        return np.add(out, 0.01, out=out)

    def leaky_relu_with_derivative(self, x, out):
        return self.leaky_relu(x, out[0]), self.leaky_relu_derivative(x, out[1])

    def leaky_relu_backward(self, grad, x, out):
        return np.multiply(grad, self.leaky_relu_derivative(x, out), out=out)

    def sigmoid(self, x, out):
        np.negative(x, out=out)
        np.exp(out, out=out)
        np.add(out, 1, out=out)
        return np.divide(1, out, out=out)

    def sigmoid_derivative(self, x, out):
        return self.sigmoid_with_derivative(x, (self.scratch, out))[1]

    def sigmoid_with_derivative(self, x, out):
        y, derivative = self.sigmoid(x, out[0]), out[1]
        np.subtract(1, y, out=derivative)
        np.multiply(y, derivative, out=derivative)
        return out

    def sigmoid_backward(self, grad, x, out):
        return np.multiply(grad, self.sigmoid_derivative(x, out), out=out)

    def tanh(self, x, out):
        return np.tanh(x, out=out)

    def tanh_derivative(self, x, out):
        return self.tanh_with_derivative(x, (out, out))[1]

    def tanh_with_derivative(self, x, out):
        y, derivative = self.tanh(x, out[0]), out[1]
        np.multiply(y, y, out=derivative)
        np.subtract(1, derivative, out=derivative)
        return out

    def tanh_backward(self, grad, x, out):
        return np.multiply(grad, self.tanh_derivative(x, out), out=out)
