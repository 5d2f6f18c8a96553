"""A pytest plugin: scikit-learn's own tests with `fastact.compat.sklearn.accelerate` on."""

from fastact.compat import sklearn as accelerated


def pytest_configure():
    accelerated.accelerate()


def pytest_unconfigure():
    for name in "logistic", "tanh", "relu":
        for entry in accelerated.ACTIVATIONS[name], accelerated.DERIVATIVES[name]:
            assert entry.__module__ == accelerated.__name__, "the acceleration has ended"
    print("\naccelerated to the end")
