"""Sixteen threads at once, forks, spawned processes, sub-interpreters and Ctrl-C."""

import multiprocessing
import os
import re
import sys
import threading
from importlib.util import find_spec

import every_call
import numpy as np
import pytest
from conftest import IMPLEMENTATIONS
from test_selection import run

import fastact

THREADS = 16
#: But Numba, which takes seconds a function to compile.
LABELS = [name for name in IMPLEMENTATIONS if name != "numba"]


def at_once(work):
    """Call `work(number)` on sixteen threads that start together; raise what they raised."""
    errors, barrier = [], threading.Barrier(THREADS, timeout=60)

    def guarded(number):
        try:
            barrier.wait()
            work(number)
        except BaseException as error:
            errors.append(error)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=guarded, args=(i,)) for i in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    if errors:
        raise errors[0]


@pytest.mark.parametrize("implementation", LABELS)
def test_sixteen_threads(namespace, dtype):
    """Every function on shared inputs and own outputs: the bits that one thread gets."""
    calls = list(every_call.every_call(namespace, dtype, (11, 300)))
    expected = [every_call.outputs(*call) for call in calls]

    def work(number):
        start = number * len(calls) // THREADS
        for place in [*range(start, len(calls)), *range(start)]:
            function, operands = calls[place]
            own = tuple(np.empty_like(x) for x in expected[place])
            function(*operands, out=own if len(own) > 1 else own[0])
            for result, same in zip(own, expected[place], strict=True):
                if result.tobytes() != same.tobytes():
                    raise AssertionError(f"{function.__name__}: other bits than on one thread")

    at_once(work)


def test_the_first_calls_of_a_dtype_at_once():
    """A loop for bfloat16 is added by the first call that needs it; a process for each try."""
    pytest.importorskip("ml_dtypes")
    code = """
import sys; sys.path.insert(0, "")
import fastact, ml_dtypes, numpy as np
from test_concurrent import at_once
x, functions = np.ones(9, ml_dtypes.bfloat16), [fastact.sigmoid, fastact.tanh, fastact.bias_gelu]
def work(number):
    for f in functions:
        assert f(*[x] * f.nin).dtype == x.dtype
at_once(work)
print("well")
"""
    assert run(code) == "well"


def test_one_function_for_threads_spread_over_threads():
    """`threaded` called by sixteen threads, whose calls are the first to need helpers."""
    x = np.linspace(-9, 9, 200_000)
    expected, sigmoid = fastact.sigmoid(x), fastact.threaded(fastact.sigmoid, 5)

    def work(number):
        np.testing.assert_array_equal(sigmoid(x), expected)

    fastact.threads._pool.cache_clear()
    at_once(work)


# Other processes -----------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_fork_after_use():
    """In the parent and in the child, compiled functions and those spread over threads."""
    code = """
import os, sys; sys.path.insert(0, "")
import fastact, numpy as np
from every_call import digest
spread = fastact.threaded(fastact.gelu, 3)
x = np.linspace(-9, 9, 300_000)
before = digest(), spread(x).tobytes()
child = os.fork()
same = (digest(), spread(x).tobytes()) == before
if not child:
    os._exit(not same)
assert same and os.waitpid(child, 0)[1] == 0
print("well")
"""
    # Python 3.12 warns of any fork beside threads.
    code = "import warnings; warnings.simplefilter('ignore', DeprecationWarning)" + code
    assert run(code) == "well"


def test_spawned_processes():
    """They import anew, and functions are sent to them as pickles."""
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        digests = pool.map(every_call.digest_of_backend, [fastact.backend] * 2)
        assert digests == [every_call.digest()] * 2
        x = np.linspace(-3, 3, 99)
        for function in fastact.sigmoid, fastact.elu, fastact.softmax, fastact.bias_relu_backward:
            operands = [x] * (3 if function is fastact.bias_relu_backward else 1)
            for result, same in zip(
                pool.apply(every_call.outputs, (function, operands)),
                every_call.outputs(function, operands),
                strict=True,
            ):
                np.testing.assert_array_equal(result, same)


def interpreters():
    """How this Python makes sub-interpreters: a function that runs code in a new one."""
    names = [name for name in ("_interpreters", "_xxsubinterpreters") if find_spec(name)]
    if not names:
        pytest.skip("this Python has no sub-interpreters")
    return f"""
import {names[0]} as module
def run(code):
    number = module.create()
    failure = module.{"exec" if names[0] == "_interpreters" else "run_string"}(number, code)
    assert failure is None, failure
    module.destroy(number)
"""


@pytest.mark.parametrize("first", ["main", "sub"])
def test_sub_interpreters(first):
    """NumPy decides: it works, or an ImportError says why not; the first one goes on working."""
    attempt = (
        "import sys, warnings; warnings.simplefilter('ignore'); sys.path[:] = %r\n"
        "try:\n"
        "    import fastact\n"
        "except ImportError as error:\n"
        "    print('ImportError:', error, flush=True)\n"
        "else:\n"
        "    print(fastact.sigmoid(0.0), flush=True)"
    ) % [path or os.getcwd() for path in sys.path]
    attempts = [f"run({attempt!r})", f"run({attempt!r})", f"exec({attempt!r})"]
    code = [interpreters(), *([f"exec({attempt!r})"] if first == "main" else []), *attempts]
    lines = run("\n".join(code)).splitlines()
    assert all(line == "0.5" or re.match("ImportError: .*(numpy|load)", line) for line in lines)
    assert len(lines) == len(code) - 1 and first == "sub" or lines[0] == lines[-1] == "0.5"


# Signals -------------------------------------------------------------------------------------


@pytest.mark.skipif(
    not hasattr(os, "fork") or fastact.backend != "cython",
    reason="needs POSIX signals, and a call that is one of C",
)
def test_ctrl_c_in_a_long_call():
    """The call comes to its end, then KeyboardInterrupt is raised: the output is whole."""
    code = """
import signal, threading, time, numpy as np, fastact
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background has it ignored
x = np.linspace(-9, 9, 2**24)
expected, out = fastact.mish(x), np.full_like(x, 7)
seen = []
def interrupt():
    while out[0] == 7:
        pass
    seen.append(out[-1])
    signal.raise_signal(signal.SIGINT)
threading.Thread(target=interrupt).start()
try:
    fastact.mish(x, out=out)
    time.sleep(60)
except KeyboardInterrupt:
    pass
assert seen == [7], "too late"
assert np.array_equal(out, expected) and np.array_equal(fastact.mish(x), expected)
print("well")
"""
    assert run(code) == "well"
