"""These kernels in scikit-learn's `MLPClassifier` and `MLPRegressor`, and activations it has not.

::

    from fastact.compat.sklearn import accelerate

    with accelerate():
        model = MLPClassifier(activation="gelu").fit(x, y)
"""

# Design: scikit-learn finds an activation by name in two dictionaries of functions that work in
# place: one makes a layer's input its output, one multiplies the gradient with the derivative,
# given that output. Entries are replaced and added there, and the names are added to what the
# estimators accept. Where the output does not determine the derivative, the forward pass keeps it
# for the backward pass; `_backprop`, which calls both, opens a list for that, so that prediction
# keeps nothing. To keep the input instead takes as much memory and, with a second exp or erf,
# twice the time (gelu, silu and mish of 200 x 100 float32; in float64 1.6 times).

import inspect
import threading
from functools import wraps

import numpy as np

import fastact
from fastact.activations import ACTIVATIONS as ROWS

try:
    import sklearn
    from sklearn.neural_network import MLPClassifier, MLPRegressor, _multilayer_perceptron
    from sklearn.neural_network._base import ACTIVATIONS, DERIVATIVES
    from sklearn.neural_network._multilayer_perceptron import BaseMultilayerPerceptron
    from sklearn.utils._param_validation import StrOptions

    if tuple(map(int, sklearn.__version__.split(".")[:2])) < (1, 5):
        raise ImportError(f"this is {sklearn.__version__}")
except ImportError as error:
    raise ImportError(
        "fastact.compat.sklearn needs scikit-learn 1.5 or newer: "
        f'pip install "fastact[sklearn]" ({error})'
    ) from error

_running = []
_lock = threading.RLock()
_pass = threading.local()


class Acceleration:
    """What `accelerate` returns: a context manager; `restore` is what its end does."""

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.restore()

    def restore(self):
        """End this acceleration; scikit-learn is as it was once none is left."""
        with _lock:
            if self in _running:
                _running.remove(self)
                if not _running:
                    _undo()


def accelerate():
    """Make scikit-learn's multi-layer perceptrons use fastact, and take its activations.

    ``activation="logistic"``, ``"tanh"`` and ``"relu"`` are computed by fastact's kernels
    ("identity" computes nothing). Any other function of fastact whose parameters have defaults is
    accepted by its name, with those defaults: ``"gelu"``, ``"silu"``, ``"leaky_relu"``, ... It
    holds for all estimators of the process, those made before too, until it ends.

    Returns
    -------
    Acceleration
        A context manager. Called plainly it stays on until its ``restore()``, or until
        `fastact.compat.sklearn.restore`, which ends all. Nested ones end with the last.

    Raises
    ------
    RuntimeError
        If scikit-learn keeps its activations in a way that is unknown here. Versions 1.5 to 1.9
        are known.

    Notes
    -----
    An estimator with a name of fastact's can be cloned, pickled and loaded anywhere, but fitting it
    and predicting with it needs the acceleration. So does a worker process: with ``n_jobs``, use
    ``joblib.parallel_config("threading")``, or ``joblib.parallel_config("loky",
    initializer=accelerate)``, which accelerates the workers. A worker without it trains with
    scikit-learn's own functions and refuses the names that it does not know.

    Examples
    --------
    >>> from sklearn.neural_network import MLPRegressor
    >>> with accelerate():
    ...     model = MLPRegressor(activation="silu", solver="lbfgs", random_state=0)
    ...     model = model.fit([[0.0], [1.0], [2.0], [3.0]], [0.0, 1.0, 4.0, 9.0])
    ...     print(model.predict([[2.0]]).round(1))
    [4.]
    """
    acceleration = Acceleration()
    with _lock:
        if not _running:
            _apply()
        _running.append(acceleration)
    return acceleration


def restore():
    """End every acceleration: scikit-learn is as it was."""
    with _lock:
        while _running:
            _running[-1].restore()


def _apply():
    global _undo
    choices = _choices()
    saved = [dict(ACTIVATIONS), dict(DERIVATIVES), *map(list, choices)]
    places = [ACTIVATIONS, DERIVATIVES, *choices]
    backprop = BaseMultilayerPerceptron._backprop

    for row in ROWS.values():
        # scikit-learn's own name, if it has one: it looks at "logistic" elsewhere too.
        name = next((name for name in (row.name, *row.aliases) if name in DERIVATIVES), row.name)
        if not row.required and name != "identity":
            ACTIVATIONS[name], DERIVATIVES[name] = _in_place(row)
    for choice in choices:
        choice[:] = [StrOptions(set(DERIVATIVES))]
    BaseMultilayerPerceptron._backprop = _keeping(backprop)

    def undo():
        BaseMultilayerPerceptron._backprop = backprop
        for place, content in zip(places, saved):
            place.clear()
            (place.update if isinstance(place, dict) else place.extend)(content)

    _undo = undo


def _in_place(row):
    """An activation as scikit-learn has them: forward(Z) and backward(Z, delta), in place."""
    f = getattr(fastact, row.name)

    def forward(Z):
        f(Z, out=Z)

    if row.from_output is not None:
        f_backward_from_output = getattr(fastact, f"{row.name}_backward_from_output")

        def backward(Z, delta):
            f_backward_from_output(delta, Z, out=delta)

        return forward, backward

    f_with_derivative = getattr(fastact, f"{row.name}_with_derivative")

    def forward_keeping(Z):
        kept = getattr(_pass, "kept", None)
        if kept is None:
            forward(Z)
        else:
            kept.append((Z, np.empty_like(Z)))
            f_with_derivative(Z, out=kept[-1])

    def backward_from_kept(Z, delta):
        kept = getattr(_pass, "kept", None)
        output, slope = kept.pop() if kept else (None, None)
        if output is not Z:
            raise _unknown("the backward pass takes other layers than the forward pass")
        delta *= slope

    return forward_keeping, backward_from_kept


def _keeping(backprop):
    """`BaseMultilayerPerceptron._backprop`, with the layers' derivatives kept in between."""

    @wraps(backprop)
    def keeping(*args, **keywords):
        _pass.kept = []
        try:
            result = backprop(*args, **keywords)
            if _pass.kept:
                raise _unknown("the backward pass leaves out layers of the forward pass")
            return result
        finally:
            del _pass.kept

    return keeping


def _choices():
    """The lists of what ``activation=`` may be, one for both estimators where they share it."""
    for method, dictionary in {
        "_forward_pass": "ACTIVATIONS",
        "_forward_pass_fast": "ACTIVATIONS",
        "_backprop": "DERIVATIVES",
    }.items():
        function = inspect.unwrap(getattr(BaseMultilayerPerceptron, method, None))
        if dictionary not in getattr(getattr(function, "__code__", None), "co_names", ()):
            raise _unknown(f"{method} does not look into {dictionary}")
        if getattr(_multilayer_perceptron, dictionary, None) is not globals()[dictionary]:
            raise _unknown(f"there are two {dictionary}")
    choices = {}
    for estimator in MLPClassifier, MLPRegressor:
        choice = estimator._parameter_constraints.get("activation")
        if [getattr(option, "options", None) for option in choice or ()] != [set(DERIVATIVES)]:
            raise _unknown(f"{estimator.__name__} takes other names than DERIVATIVES has")
        choices[id(choice)] = choice
    return list(choices.values())


def _unknown(what):
    return RuntimeError(
        f"fastact.compat.sklearn knows scikit-learn 1.5 to 1.9; in {sklearn.__version__} {what}"
    )
