"""Gradients for autograd (HIPS): importing this registers them for every function of fastact.

After ``import fastact.compat.autograd`` the elementwise functions and ``bias_f`` can be
differentiated as they are: ``autograd.grad(lambda x: fastact.gelu(x).sum())``. Functions over an
axis (`softmax`, `softmax_cross_entropy`, `glu` ...) are no ufuncs, so autograd does not see them;
it sees those of this module. Its other names are fastact's own functions.

There are gradients by ``x``, by a bias, by logits, by PReLU's weight and, of ``f_backward``, by the
gradient that is passed back; in forward mode too, but for the functions over an axis. By anything
else, such as ELU's alpha or for a second derivative, a TypeError says that there is none.
"""

# Design: autograd boxes arrays. A ufunc asks the box, which looks for the ufunc's wrapper in
# autograd's register and calls it; `primitive` makes the entry. Within gradients the wrappers are
# called: their errors arrive as they are, and functions that are no ufuncs see no boxes.

from __future__ import annotations

import fastact
from fastact.activations import aliases, functions
from fastact.axiswise import ROW_FUNCTIONS
from fastact.channels import BIAS, channel_functions

try:
    from autograd import numpy as anp
    from autograd.extend import defjvp_argnum, defvjp_argnums, primitive
    from autograd.numpy.numpy_boxes import ArrayBox
    from autograd.numpy.numpy_vjps import unbroadcast

    if not hasattr(ArrayBox, "__array_ufunc__"):
        raise ImportError("this autograd is older")
except ImportError as error:
    raise ImportError(
        'fastact.compat.autograd needs autograd 1.9 or later: pip install "fastact[autograd]"'
    ) from error


def register(namespace):
    """Register the gradients of the functions of fastact, or of one of its backends.

    Returns
    -------
    dict
        The functions that autograd sees, by name: a ufunc, or what stands before one, as it is;
        any other wrapped.
    """
    wrappers = {}

    def wrapped(name):
        if name not in wrappers:
            function = getattr(namespace, name)
            if name not in ROW_FUNCTIONS:  # the ufuncs below these know no axis
                function = getattr(function, "ufunc", function)
            wrappers[name] = primitive(function)
        return wrappers[name]

    for name, row, operation in functions():
        f, gradients, tangents = wrapped(name), {}, {}
        operands = (*operation.inputs, *(parameter.name for parameter in row.parameters))
        if operation.inputs[0] == "grad":  # linear in it
            gradients[0] = tangents[0] = lambda g, grad, *rest, f=f: f(g, *rest)
        elif not operation.suffix:
            gradients[0] = tangents[0] = wrapped(name + "_backward")
            if hasattr(namespace, name + "_weight_backward"):
                gradients[1] = wrapped(name + "_weight_backward")
                tangents[1] = lambda g, x, weight: g * anp.minimum(x, 0)
        _define(f, operands, gradients, tangents)
    for name, row, operation in channel_functions():
        gradients, tangents = {}, {}
        if operation is BIAS:
            gradients[0] = gradients[1] = wrapped(name + "_backward")
            backward = wrapped(row.name + "_backward")
            tangents[0] = tangents[1] = lambda g, x, b, *rest, backward=backward: backward(
                g, anp.add(x, b), *rest
            )
        _define(wrapped(name), operation.inputs, gradients, tangents)
    for name, row in ROW_FUNCTIONS.items():
        backward = name + "_backward"
        gradients = {0: wrapped(backward)} if backward in ROW_FUNCTIONS else {}
        _define(wrapped(name), row.inputs, gradients)
    visible = {name: getattr(namespace, name) for name in wrappers}
    return {
        name: wrappers[name] if name in ROW_FUNCTIONS or not is_ufunc(f) else f
        for name, f in visible.items()
    }


def is_ufunc(function):
    """Whether autograd sees the function, a ufunc or what stands before one."""
    return hasattr(getattr(function, "ufunc", function), "nin")


def _define(f, operands, gradients, tangents=None):
    """Tell autograd the gradients of its primitive `f`.

    `operands` are the names of its arguments. `gradients` and `tangents` hold, by the place of an
    operand, what is called with the gradient by the result, or with the operand's tangent, and the
    arguments of `f`; a tuple that is returned has a gradient for each place.
    """

    def check(argnums, kwargs):
        for argnum in argnums:
            if argnum not in gradients:
                operand = operands[argnum] if argnum < len(operands) else f"argument {argnum}"
                raise TypeError(
                    f"{f.__name__} has no gradient by {operand}: there are first derivatives by "
                    "inputs, biases and PReLU's weight"
                )
        for keyword in "out", "where":
            if keyword in kwargs:
                raise TypeError(f"{f.__name__}: {keyword}= has no gradient")

    def vjp_of(argnums, result, args, kwargs):
        check(argnums, kwargs)
        metadata = [anp.metadata(args[argnum]) for argnum in argnums]

        def vjp(g):
            found = {b: b(g, *args, **kwargs) for b in {gradients[argnum] for argnum in argnums}}
            for argnum, meta in zip(argnums, metadata):
                gradient = found[gradients[argnum]]
                yield unbroadcast(gradient[argnum] if type(gradient) is tuple else gradient, meta)

        return vjp

    def jvp_of(argnum, g, result, args, kwargs):
        check([argnum], kwargs)
        return tangents[argnum](g, *args, **kwargs)

    defvjp_argnums(f, vjp_of)
    if tangents is not None:
        defjvp_argnum(f, jvp_of)


_functions = register(fastact)
_functions |= {alias: _functions[name] for alias, name in aliases()}
globals().update(_functions)
__all__ = ["register", *_functions]
