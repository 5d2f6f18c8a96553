"""Activations of an array that does not fit in memory, by Dask on worker processes.

The calls are lazy and the same as for NumPy's arrays; each worker holds a few chunks at a time.
"""

import argparse
import resource
import sys

import numpy as np

import fastact

try:
    import dask.array as da
    from distributed import Client, LocalCluster
except ImportError as error:
    raise SystemExit(f"{error.name} is missing: pip install fastact[compat]") from None


def peak_memory():
    """The most memory that this process has had, in MB."""
    unit = 1e6 if sys.platform == "darwin" else 1e3
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def statistics(x, activation):
    """Mean output, share of dead inputs and the norm of a gradient, all lazy."""
    y, slope = activation.with_derivative(x)
    grad = activation.backward_from_input(da.ones_like(x), x)
    return {
        "mean of f(x)": y.mean(dtype=np.float64),
        "share with |f'(x)| < 0.1": (abs(slope) < 0.1).mean(),
        "norm of the gradient": da.sqrt((grad**2).sum(dtype=np.float64)),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--elements", type=int, default=100_000_000)
    parser.add_argument("--chunk", type=int, default=2_000_000, help="elements of a chunk")
    parser.add_argument("--workers", type=int, default=2, help="processes")
    parser.add_argument("--activation", default="leaky_relu", metavar="NAME")
    options = parser.parse_args()
    activation = fastact.get(options.activation)

    x = da.random.default_rng(0).standard_normal(
        options.elements, chunks=options.chunk, dtype=np.float32
    )
    with (
        LocalCluster(
            n_workers=options.workers,
            threads_per_worker=1,
            dashboard_address=None,
        ) as cluster,
        Client(cluster) as client,
    ):
        before = client.run(peak_memory)
        found = dict(zip(lazy := statistics(x, activation), da.compute(*lazy.values())))
        after = client.run(peak_memory)

    print(f"{activation}: {x.nbytes / 1e6:.0f} MB in {x.npartitions} chunks")
    for name, value in found.items():
        print(f"{name:<28}{value:>12.6g}")
    for worker, megabytes in enumerate(after.values()):
        print(
            f"worker {worker}: peak memory {megabytes:.0f} MB, before {[*before.values()][worker]:.0f} MB"
        )


if __name__ == "__main__":
    main()
