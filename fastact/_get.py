"""Selecting an activation by name, as a training loop does whose activation is in a config."""

from __future__ import annotations

import difflib
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

import fastact
from fastact import _public
from fastact.activations import ACTIVATIONS, Activation

if TYPE_CHECKING:
    from typing import Literal

    from numpy.typing import ArrayLike

    from fastact import _backward_call, _pair_call, _value_call

_ROWS = ACTIVATIONS | {alias: row for row in ACTIVATIONS.values() for alias in row.aliases}


def get(name: str, /, **parameters: ArrayLike) -> Selected:
    """The activation of a name, with its functions and the parameters bound to them.

    Parameters
    ----------
    name : str
        A name of the table, or another library's for the same.
    **parameters
        Parameters of the activation, such as ``negative_slope=0.2`` of leaky_relu; the others
        have their defaults.

    Returns
    -------
    Selected
        Its attributes are described there.

    Raises
    ------
    ValueError
        For an unknown name, which lists the nearest, or a parameter outside its domain.
    TypeError
        For a parameter that the activation does not have, that is missing, or is no number.

    Examples
    --------
    >>> import numpy as np, fastact
    >>> z = np.array([-1.0, 2.0], np.float32)
    >>> f = fastact.get("leaky_relu", negative_slope=0.5)
    >>> y = f.forward(z)
    >>> y
    array([-0.5,  2. ], dtype=float32)
    >>> saved = {"input": z, "output": y}[f.saves]
    >>> f.backward(np.ones_like(y), saved)
    array([0.5, 1. ], dtype=float32)
    """
    if not isinstance(name, str):
        raise TypeError(f"fastact.get: the name of an activation is a str, not {name!r}")
    if name not in _ROWS:
        nearest = difflib.get_close_matches(name.lower().replace("-", "_"), _ROWS, cutoff=0)
        raise ValueError(
            f"fastact.get: no activation is called {name!r}; the nearest are {', '.join(nearest)}"
        )
    return Selected(_ROWS[name], parameters)


get.__module__ = "fastact"  # where pickle finds it


class Selected:
    """An activation, its parameters chosen; `fastact.get` makes it. It pickles by name.

    Attributes
    ----------
    row : fastact.activations.Activation
        The facts: range, saturation, whether zero-centred, ...
    parameters : dict
        The parameters that were given.
    forward, derivative, with_derivative : callable
        Of the input: ``f(x)``, ``f'(x)``, both. They take `out` and all that a ufunc takes.
    saves : {"input", "output"}
        What `backward` needs: "output" if that determines the derivative, so that the input need
        not be kept and the forward pass may be in place; else "input".
    backward : callable
        ``backward(grad, saved)`` is ``grad * f'(x)``; `saved` is the input x where `saves` is
        "input", and the output f(x) where it is "output".
    backward_from_input : callable
        ``backward_from_input(grad, x)``, always from the input: exact at the tails.
    backward_from_output : callable or None
        ``backward_from_output(grad, y)``, from the output; None where `saves` is "input".
    """

    row: Activation
    parameters: dict[str, ArrayLike]
    forward: _value_call
    derivative: _value_call
    with_derivative: _pair_call
    saves: Literal["input", "output"]
    backward: _backward_call
    backward_from_input: _backward_call
    backward_from_output: _backward_call | None

    def __init__(self, row: Activation, parameters: dict[str, ArrayLike]) -> None:
        self.row, self.parameters = row, parameters
        names = [parameter.name for parameter in row.parameters]
        for name, value in parameters.items():
            if name not in names:
                takes = " and ".join(names) or "no parameter"
                raise TypeError(f"fastact.get: {row.name} takes {takes}, not {name!r}")
            dtype = np.asarray(value).dtype
            if not np.can_cast(dtype, np.float64, "same_kind"):
                raise TypeError(f"fastact.get: {name} of {row.name} is {value!r}, not a number")
        values = {parameter.name: parameter.default for parameter in row.parameters} | parameters
        for name in names:
            if values[name] is None:
                raise TypeError(f"fastact.get: {row.name} needs {name}, which has no default")
        if row.domain:
            _public._condition(row.domain, names)(f"fastact.get: {row.name}", values)

        self.forward = self._bound("")
        self.derivative = self._bound("_derivative")
        self.with_derivative = self._bound("_with_derivative")
        self.backward = self.backward_from_input = self._bound("_backward")
        self.backward_from_output, self.saves = None, "input"
        if row.from_output is not None and np.all(eval(row.from_output or "True", {}, values)):
            self.backward = self.backward_from_output = self._bound("_backward_from_output")
            self.saves = "output"

    def _bound(self, suffix):
        function = getattr(fastact, self.row.name + suffix)
        return partial(function, **self.parameters) if self.parameters else function

    def __reduce__(self):
        return partial(get, self.row.name, **self.parameters), ()

    def __repr__(self):
        parameters = "".join(f", {name}={value!r}" for name, value in self.parameters.items())
        return f"fastact.get({self.row.name!r}{parameters})"
