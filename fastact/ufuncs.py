"""The ufuncs by name: `sigmoid` itself, `leaky_relu` is ``fastact.leaky_relu.ufunc``.

Here pickle finds them, whatever the backend; below NumPy 2.2 because it looks here first.
"""

import fastact


def __getattr__(name):
    function = getattr(fastact, name, None)
    ufunc = getattr(function, "ufunc", function)
    if not hasattr(ufunc, "nin"):
        raise AttributeError(f"module 'fastact.ufuncs' has no attribute {name!r}")
    return ufunc
