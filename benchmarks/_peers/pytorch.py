"""PyTorch: ATen's kernels with ``out`` and its backward kernels; for compositions autograd.

Of the kernels the bindings where there are any, for an operator of torch.ops costs 1 us more.
A backward kernel that starts from the output, or from what the forward kernel saved, is timed as
such beside ``backward_from_output``; beside ``backward``, which starts from the input, it comes
after its forward kernel.
"""

from functools import partial

import torch
import torch.nn.functional as F

from . import Call, Peer

aten, nn = torch.ops.aten, torch._C._nn
ALPHA, SCALE = 1.6732632423543772, 1.0507009873554805

#: By row: from its parameters a kernel with ``out`` with its arguments after x; a backward kernel
#: with its arguments after the gradient, where "x" and "y" stand for input and output
#: and "buffer" for what the forward kernel saves.
KERNELS = {
    "relu": lambda: ((torch.clamp_min, 0), (aten.threshold_backward, "x", 0)),
    "relu6": lambda: ((nn.hardtanh, 0, 6), (aten.hardtanh_backward, "x", 0, 6)),
    "leaky_relu": lambda a: ((nn.leaky_relu, a), (aten.leaky_relu_backward, "x", a, False)),
    "prelu": lambda a: ((nn.leaky_relu, a), (aten.leaky_relu_backward, "x", a, False)),
    "threshold": lambda t, v: ((torch.threshold, t, v), (aten.threshold_backward, "x", t)),
    "elu": lambda a: ((nn.elu, a), (aten.elu_backward, a, 1, 1, False, "x")),
    "selu": lambda: ((nn.elu, ALPHA, SCALE), (aten.elu_backward, ALPHA, SCALE, 1, False, "x")),
    "celu": lambda a: ((nn.elu, a, 1, 1 / a), (aten.elu_backward, a, 1, 1 / a, False, "x")),
    "sigmoid": lambda: ((torch.sigmoid,), (aten.sigmoid_backward, "y")),
    "log_sigmoid": lambda: ((nn.log_sigmoid,), (aten.log_sigmoid_backward, "x", "buffer")),
    "hard_sigmoid": lambda: ((nn.hardsigmoid,), (aten.hardsigmoid_backward, "x")),
    "tanh": lambda: ((torch.tanh,), (aten.tanh_backward, "y")),
    "hard_tanh": lambda a, b: ((nn.hardtanh, a, b), (aten.hardtanh_backward, "x", a, b)),
    "softplus": lambda b: ((nn.softplus, b, 20), (aten.softplus_backward, "x", b, 20)),
    "gelu": lambda: ((nn.gelu,), (aten.gelu_backward, "x")),
    "silu": lambda: ((nn.silu,), (aten.silu_backward, "x")),
    "swish": lambda b: ((nn.silu,), (aten.silu_backward, "x")),  # b = 1
    "mish": lambda: ((nn.mish,), (aten.mish_backward, "x")),
    "hard_swish": lambda: ((nn.hardswish,), (aten.hardswish_backward, "x")),
    "soft_shrink": lambda a: ((nn.softshrink, a), (aten.softshrink_backward, "x", a)),
    "hard_shrink": lambda a: ((torch.hardshrink, a), (aten.hardshrink_backward, "x", a)),
    "gelu_tanh": lambda: ((partial(nn.gelu, approximate="tanh"),), (aten.gelu_backward, "x")),
}

#: What PyTorch has no kernel for.
COMPOSITIONS = {
    "lecun_tanh": lambda x: 1.7159 * torch.tanh(2 / 3 * x),
    "tanh_shrink": F.tanhshrink,
    "softsign": F.softsign,
    "squareplus": lambda x, b: (x + torch.sqrt(x * x + b)) / 2,
    "quick_gelu": lambda x: x * torch.sigmoid(1.702 * x),
}


class PyTorch(Peer):
    allocates = "backward of mish, hard_swish and compositions"

    def __init__(self):
        torch.set_num_threads(1)

    def has_from_output(self, row):
        return row.name in KERNELS and "y" in KERNELS[row.name](*typical(row))[1]

    def call(self, row, suffix, operands):
        if suffix == "_backward_from_output" and not self.has_from_output(row):
            return None
        if row.name not in KERNELS | COMPOSITIONS:
            return None
        x, grad = torch.from_numpy(operands.x), torch.from_numpy(operands.grad)
        out = [torch.from_numpy(array) for array in operands.out]
        parameters = typical(row)
        if suffix in ("_derivative", "_with_derivative"):
            grad = torch.ones_like(x)
        if row.name in COMPOSITIONS:
            return composed(COMPOSITIONS[row.name], suffix, x, grad, parameters)

        (forward, *after_x), (backward, *after_grad) = KERNELS[row.name](*parameters)
        if suffix == "":
            return Call(forward, (x, *after_x), {"out": out[0]})
        saved = {"x": x, "y": out[0] if suffix == "_with_derivative" else torch.empty_like(x)}
        saved_in = {"out": saved["y"]}
        if "buffer" in after_grad:
            saved["buffer"] = torch.empty_like(x)
            forward = aten.log_sigmoid_forward.output
            saved_in = {"output": saved["y"], "buffer": saved["buffer"]}
        forward(x, *after_x, **saved_in)
        inputs = grad, *(saved[a] if isinstance(a, str) else a for a in after_grad)
        given = "grad_input" in backward.overloads()
        backward = backward.grad_input if given else backward.default
        keywords = {"grad_input": out[-1]} if given else {}
        if row.name == "gelu_tanh":
            keywords["approximate"] = "tanh"
        returned = None if given else lambda dx: (dx,)
        forward_first = suffix == "_with_derivative" or {"y", "buffer"} & {*after_grad}
        if suffix == "_backward_from_output" or not forward_first:
            return Call(backward, inputs, keywords, returned)

        def both():
            forward(x, *after_x, **saved_in)
            return backward(*inputs, **keywords)

        if suffix == "_with_derivative":
            return Call(both, (), returned=lambda dx: (out[0], dx))
        return Call(both, (), returned=returned)


def typical(row):
    return [parameter.typical for parameter in row.parameters]


def composed(function, suffix, x, grad, parameters):
    """The call of a composition, whose derivative is autograd's."""
    if suffix == "":
        return Call(function, (x, *parameters), returned=lambda y: (y,))
    leaf = x.clone().requires_grad_()
    if suffix == "_with_derivative":

        def both():
            y = function(leaf, *parameters)
            return y.detach(), *torch.autograd.grad(y, leaf, grad)

        return Call(both, (), returned=lambda pair: pair)
    backward = partial(torch.autograd.grad, retain_graph=True)
    y = function(leaf, *parameters)
    return Call(backward, (y, leaf, grad), returned=lambda dx: dx)


PEER = PyTorch
