"""What the benchmarks share: operands of the operations, interleaved timing, machine facts."""

import datetime
import math
import os
import platform
import timeit
from importlib import metadata
from pathlib import Path

import numpy as np

import fastact

#: Sizes by the label under which they are printed; a K is 1024.
SIZES = {"1": 1, "100": 100} | {
    f"{count} {unit}": count * factor
    for unit, factor, counts in (("K", 2**10, (1, 16, 256)), ("M", 2**20, (4, 16)))
    for count in counts
}

#: The inputs of each operation of the table, by its suffix, made from the
#: activation's name, an input and a gradient.
OPERANDS = {
    "": lambda name, x, grad: (x,),
    "_derivative": lambda name, x, grad: (x,),
    "_with_derivative": lambda name, x, grad: (x,),
    "_backward": lambda name, x, grad: (grad, x),
    "_backward_from_output": lambda name, x, grad: (grad, getattr(fastact, name)(x)),
}

#: A timing lasts at least this long, in seconds, so that the clock's steps do not show.
SHORTEST_TIMING = 1e-4
#: A call that takes longer than this streams through memory, and needs no warm caches.
STREAMING = 1e-3


def normal(size, dtype, seed):
    """Draw `size` numbers from N(0, 2**2): mostly ordinary, some in the saturated tails."""
    return (2 * np.random.default_rng(seed).standard_normal(size)).astype(dtype)


def buffers(x, count):
    """Make `count` outputs for input `x`, in the form that ``out=`` takes."""
    arrays = tuple(np.zeros_like(x) for _ in range(count))
    return arrays if count > 1 else arrays[0]


def timer(function, *inputs, **keywords):
    """Make a timer of the call as a user writes it, without a wrapper's overhead."""
    names = [f"x{i}" for i in range(len(inputs))]
    call = ", ".join(names + [f"{name}={name}" for name in keywords])
    scope = dict(zip(names, inputs), function=function, **keywords)
    return timeit.Timer(f"function({call})", globals=scope)


def interleave(timers, seconds, seed, progress=lambda share: None):
    """Time every contender once a round, in an order shuffled each round.

    A machine whose clock or neighbours change during the run changes them for all
    alike, and the ratio of two contenders *within* a round stays meaningful.

    Parameters
    ----------
    timers : dict of timeit.Timer
    seconds : float
        How long the rounds may take in all; there are never fewer than 7.
    seed : int
        Seeds the order.
    progress : callable
        Called after each round with the share of the work that it was.

    Returns
    -------
    dict of ndarray
        For each contender the seconds of a call, one for each round.
    """
    loops, warm_up, round_seconds = {}, {}, 0.0
    for key, contender in timers.items():
        contender.timeit(1)  # compiles what compiles lazily
        once = contender.timeit(1)
        if once < STREAMING:
            once = min(contender.repeat(3, 1))
        loops[key] = math.ceil(SHORTEST_TIMING / once)
        warm_up[key] = once < STREAMING
        round_seconds += once * (loops[key] + warm_up[key])
    rounds = min(max(7, int(seconds / round_seconds)), 200)

    rng = np.random.default_rng(seed)
    keys = list(timers)
    times = {key: np.empty(rounds) for key in keys}
    for i in range(rounds):
        for j in rng.permutation(len(keys)):
            key = keys[j]
            if warm_up[key]:
                # Start with one's own operands in the caches, not the neighbour's.
                timers[key].timeit(1)
            times[key][i] = timers[key].timeit(loops[key]) / loops[key]
        progress(1 / rounds)
    return times


def machine():
    """The facts without which a time means nothing."""
    return {
        "cpu": cpu_model(),
        "isa": simd("baseline") + simd("found"),
        "caches": caches(),
        "cpus": os.cpu_count(),
        "threads": 1,
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "os": f"{platform.system()} {platform.release().partition('-')[0]}",
        "python": platform.python_version(),
        "numpy": np.__version__,
        "numba": version("numba"),
        "fastact": fastact.__version__,
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
    }


def simd(kind):
    """The instruction sets that NumPy was built for, ``baseline``, or has ``found``."""
    return np.show_config(mode="dicts")["SIMD Extensions"].get(kind, [])


def version(distribution):
    """The version of an installed distribution, or None."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def cpu_model():
    """The CPU's name as Linux tells it, elsewhere as Python does."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def caches():
    """Sizes of the first core's data caches, where Linux tells them: ``{"L1": "32K", ...}``."""
    found = {}
    for cache in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        level, kind, size = (
            (cache / fact).read_text().strip() for fact in ("level", "type", "size")
        )
        if kind != "Instruction":
            found[f"L{level}"] = size
    return found
