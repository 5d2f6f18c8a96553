"""A type checker has to object to each line that says so, and to no other."""

import numpy as np

import fastact

x = np.ones(3, np.float32)

fastact.sigmoid("text")  # wrong
fastact.sigmoid()  # wrong
fastact.sigmoid(x * 1j)  # wrong
fastact.sigmoid(x, out="text")  # wrong
fastact.sigmoid_with_derivative(x, out=x)  # wrong
fastact.leaky_relu(x, slope=0.2)  # wrong
fastact.leaky_relu(x, negative_slope="a")  # wrong
fastact.prelu(x)  # wrong
fastact.softmax(x, axis="rows")  # wrong
fastact.softmax_cross_entropy(x, x, reduction="max")  # wrong
fastact.sigmoido(x)  # wrong
fastact.get(3)  # wrong
fastact.sigmoid.ufunc  # wrong
fastact.sigmoid(x)
