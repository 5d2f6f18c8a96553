"""JAX: jax.nn where it has the function, else the formula in jax.numpy, compiled by XLA.

Results go into a donated buffer, so that no call allocates. For float64 JAX has to be told so by the
variable JAX_ENABLE_X64, as peers.py does.
"""

import jax
import jax.numpy as jnp

from . import Call, Peer
from ._formulas import Conditionals, function, trees

NN = jax.nn
NAMESPACE = {name: getattr(jnp, name) for name in ("abs", "exp", "expm1", "log1p", "sqrt", "tanh")}
NAMESPACE |= {"where": jnp.where, "min": jnp.minimum, "max": jnp.maximum}
NAMESPACE["erfc"] = jax.scipy.special.erfc

#: Functions of x and the row's parameters.
FUNCTIONS = {
    "relu": NN.relu,
    "relu6": NN.relu6,
    "leaky_relu": NN.leaky_relu,
    "prelu": NN.leaky_relu,
    "elu": NN.elu,
    "selu": NN.selu,
    "celu": NN.celu,
    "sigmoid": NN.sigmoid,
    "log_sigmoid": NN.log_sigmoid,
    "hard_sigmoid": NN.hard_sigmoid,
    "tanh": jnp.tanh,
    "softsign": NN.soft_sign,
    "squareplus": NN.squareplus,
    "gelu": lambda x: NN.gelu(x, approximate=False),
    "gelu_tanh": lambda x: NN.gelu(x, approximate=True),
    "silu": NN.silu,
    "mish": NN.mish,
    "hard_swish": NN.hard_swish,
}


class JAX(Peer):
    def __init__(self):
        # Else another thread computes, and the call waits for it.
        jax.config.update("jax_cpu_enable_async_dispatch", False)

    def call(self, row, suffix, operands):
        if suffix == "_backward_from_output":
            return None
        parameters = [parameter.typical for parameter in row.parameters]
        f = FUNCTIONS.get(row.name)
        if f is None:
            f, parameters = function(Conditionals().visit(trees(row)[0]), "x", NAMESPACE), ()

        def value(x):
            return f(x, *parameters)

        # The tangent is all that is elementwise: no transposition, so that XLA fuses one loop.
        operation = {
            "": lambda x, grad: (value(x),),
            "_derivative": lambda x, grad: jax.jvp(value, (x,), (jnp.ones_like(x),))[1:],
            "_with_derivative": lambda x, grad: jax.jvp(value, (x,), (jnp.ones_like(x),)),
            "_backward": lambda x, grad: jax.jvp(value, (x,), (grad,))[1:],
        }[suffix]
        return Call(Donated(operation, operands), (), returned=lambda out: out)


class Donated:
    """A compiled function called over and over; each call takes over the buffers of the last."""

    def __init__(self, operation, operands):
        # Not compiled ahead of time, for calls of that go through Python.
        self.operation = jax.jit(
            lambda x, grad, out: operation(x, grad), donate_argnums=2, keep_unused=True
        )
        self.x, self.grad = jax.device_put(operands.x), jax.device_put(operands.grad)
        self.out = tuple(map(jnp.zeros_like, operands.out))

    def __call__(self):
        self.out = self.operation(self.x, self.grad, self.out)
        self.out[-1].block_until_ready()
        return self.out


PEER = JAX
