"""The ufuncs under functions of Python: `leaky_relu` is ``fastact.leaky_relu.ufunc``.

Here pickle finds them, whatever the backend.
"""

import fastact


def __getattr__(name):
    return getattr(fastact, name).ufunc
