"""Calls spread over threads: the same bits as in one piece, and nothing written afterwards."""

import inspect
import multiprocessing
import os
import pickle
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import test_bad_input
import test_layouts
from conftest import FUNCTIONS, IMPLEMENTATIONS
from oracle import as_tuple, assert_same
from test_selection import run

import fastact
from fastact import threaded, threads

#: What is around a call is the same for all: a function for each number of operands.
OF_EACH_ARITY = list({(f.nin, f.nout, bool(f.row.parameters)): f for f in FUNCTIONS}.values())
COMPILED = [name for name in IMPLEMENTATIONS if name.startswith("cython")][-1:]
BIG = 5 * threads.SMALLEST + 7


@pytest.fixture
def shared(monkeypatch):
    """The numbers of blocks of the calls that were spread over threads."""
    counts, share = [], threads._share

    def counting(count, blocks, run):
        counts.append(len(blocks))
        share(count, blocks, run)

    monkeypatch.setattr(threads, "_share", counting)
    return counts


@pytest.mark.only(having=lambda function: function in OF_EACH_ARITY)
@pytest.mark.parametrize("implementation", [*COMPILED, "numpy"])
@pytest.mark.parametrize("dtype", [np.dtype(np.float32)], ids=str)
class TestInPieces:
    """Every test of layouts and of bad input that calls a function, in blocks of 8 elements."""

    locals().update(
        {
            name: staticmethod(test)
            for module in (test_layouts, test_bad_input)
            for name, test in vars(module).items()
            if name.startswith("test_") and "call" in inspect.signature(test).parameters
        }
    )

    @pytest.fixture
    def call(self, function, implementation, dtype, monkeypatch):
        monkeypatch.setattr(threads, "SMALLEST", 8)
        return threaded(function.on(IMPLEMENTATIONS[implementation]), 3)


@pytest.mark.only(having=lambda function: function.name == "tanh")
def test_large_calls_are_shared(function, call, dtype, shared):
    inputs = function.draw(BIG, dtype)
    expected = call(*inputs)
    for count in 1, 2, 3, 64:
        assert_same(threaded(call, count)(*inputs), expected)
        assert shared == ([] if count == 1 else [5])
        shared.clear()


def draw(*shape, dtype=np.float64):
    return np.random.default_rng(0).normal(0, 4, shape).astype(dtype)


x, grad = draw(300, 1000), draw(300, 1000, dtype=np.float32)
SHARED = {
    "defaults": ("elu", (x,), {}),
    "a parameter's array": ("leaky_relu", (x, draw(1000)), {}),
    "by name": ("leaky_relu", (x,), {"negative_slope": draw(300, 1)}),
    "mixed floats": ("gelu_backward", (grad, x), {}),
    "integers": ("sigmoid", (np.arange(-150_000, 150_000),), {}),
    "dtype": ("tanh_with_derivative", (x,), {"dtype": np.float32, "casting": "same_kind"}),
    "bias": ("bias_silu", (x, draw(1000)), {}),
    "a row to a stack": ("bias_relu", (draw(70_000), draw(3, 1)), {}),
    "few long rows": ("sigmoid", (draw(2, 1, 150_001),), {}),
    "Fortran's order": ("sigmoid", (np.asfortranarray(x),), {}),
    "axes in another order": ("silu", (draw(30, 50, 200).transpose(1, 2, 0),), {}),
    "reversed": ("sigmoid", (x[::-1, ::-1],), {}),
    "rows that are apart": ("softplus", (draw(300, 2000)[::2, 1000:],), {}),
    "every second": ("softplus", (draw(300, 2000)[:, ::2],), {}),
    "order": ("mish", (x,), {"order": "F"}),
    "another ufunc": ("hypot", (x, grad), {}),
}


@pytest.mark.parametrize("name, inputs, keywords", SHARED.values(), ids=SHARED)
def test_what_is_shared(name, inputs, keywords, shared):
    function = getattr(fastact, name, None) or getattr(np, name)
    expected = as_tuple(function(*inputs, **keywords))
    for result, same in zip(as_tuple(threaded(function, 2)(*inputs, **keywords)), expected):
        assert_same(result, same)
        assert result.strides == same.strides
    assert shared and shared[0] > 1


def test_out_and_where_are_shared(shared):
    relu, mask = threaded(fastact.relu_with_derivative, 2), x > -2
    outs = np.full(x.shape, 77.0), np.full(x.shape, 77.0)
    results = relu(x, out=outs, where=mask)
    assert all(result is out for result, out in zip(results, outs)) and shared
    for out, same in zip(outs, fastact.relu_with_derivative(x), strict=True):
        assert_same(out, np.where(mask, same, 77.0))
    y = x.copy()
    assert threaded(fastact.sigmoid, 2)(y, out=y) is y and len(shared) == 2
    assert_same(y, fastact.sigmoid(x))


class Wrapped(np.ndarray):
    pass


wide = draw(BIG + 1)
NOT_SHARED = {
    "small": ((draw(2 * threads.SMALLEST - 1),), {}),
    "no dimension": ((3.0,), {}),
    "a list": ((x.tolist(),), {}),
    "a subclass": ((x.view(Wrapped),), {}),
    "an out that is a subclass": ((x,), {"out": np.empty_like(x).view(Wrapped)}),
    "an out shifted by one": ((wide[:-1],), {"out": wide[1:]}),
    "an out that folds back": (
        (x,),
        {"out": np.lib.stride_tricks.as_strided(np.empty(2000), x.shape, (8, 8))},
    ),
}


@pytest.mark.parametrize("inputs, keywords", NOT_SHARED.values(), ids=NOT_SHARED)
def test_what_is_not_shared(inputs, keywords, shared):
    results = []
    for function in fastact.sigmoid, threaded(fastact.sigmoid, 2):
        if "out" in keywords:  # from the same memory anew
            wide[:] = draw(BIG + 1)
        results.append(np.copy(function(*inputs, **keywords)))
    assert_same(*results)
    assert not shared


def test_objects_are_not_shared(shared):
    table = x.astype(object)
    maximum = threaded(np.maximum, 2)
    for keywords in {}, {"dtype": float, "casting": "unsafe"}:
        np.testing.assert_array_equal(maximum(table, 0.0, **keywords), np.maximum(table, 0.0))
    assert threaded(np.frompyfunc(str, 1, 1), 2)(x)[0, 0] == str(x[0, 0])
    assert not shared


def test_both_outputs_in_one_array():
    y = np.empty_like(x)
    both = threaded(fastact.sigmoid_with_derivative, 2)(x, out=(y, y))
    assert both[0] is both[1] is y
    assert_same(y, fastact.sigmoid_with_derivative(x, out=(np.empty_like(x),) * 2)[1])


@pytest.mark.parametrize("seed", range(40))
def test_blocks_cover_everything_once(seed):
    rng = np.random.default_rng(seed)
    shape = tuple(rng.choice([1, 2, 3, 20, 150], rng.integers(1, 4)).tolist())
    axes, times = rng.permutation(len(shape)).tolist(), np.zeros(shape, int)
    blocks = list(threads._blocks([slice(None)] * len(shape), axes, shape, times.size, 100))
    for block in blocks:
        times[block] += 1
        # One of several rows, or of a row cut at multiples of 16, is a little smaller.
        assert times.size < 200 or 60 <= times[block].size <= 400
    assert (times == 1).all()


# Errors and interruptions --------------------------------------------------------------------


def test_errors_of_a_block_reach_the_caller():
    """They are those of the caller's np.errstate, whichever thread has the block."""
    sigmoid = threaded(np.exp, 2)
    y = np.zeros(BIG)
    for place in 0, BIG - 1:
        y[:], y[place] = 0, 1e4
        with np.errstate(over="raise"), pytest.raises(FloatingPointError, match="exp"):
            sigmoid(y)
        with np.errstate(over="ignore"):
            assert sigmoid(y)[place] == np.inf


def test_nothing_is_written_before_an_error():
    y = np.full(BIG, 7, np.float32)
    with pytest.raises(TypeError, match="same_kind"):
        threaded(np.add, 2)(np.zeros(BIG), np.zeros(BIG), out=y, dtype=complex)
    with pytest.raises(ValueError, match="negative_slope|lambd is -1"):
        threaded(fastact.hard_shrink, 2)(np.zeros(BIG, np.float32), lambd=-1, out=y)
    assert (y == 7).all()


class Failure(BaseException):
    pass


@pytest.mark.parametrize("culprit", ["caller", "helper"])
def test_a_failing_block_ends_the_others(culprit):
    running, done, both = set(), [], threading.Barrier(2, timeout=60)

    def block(number):
        if number < 2:
            both.wait()  # each thread has one
        is_caller = threading.current_thread() is threading.main_thread()
        if is_caller == (culprit == "caller"):
            raise Failure
        running.add(number)
        time.sleep(0.05)
        running.remove(number)
        done.append(number)

    with pytest.raises(Failure):
        threads._share(2, range(1000), block)
    assert not running and len(done) <= 2
    time.sleep(0.1)
    assert not running and len(done) <= 2


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="needs POSIX signals")
def test_an_interrupted_call_waits_for_what_is_running():
    """Also where the interrupt comes again while the caller waits."""
    main, running, ended = threading.main_thread(), set(), []

    def interrupt(number, frame):
        raise Failure

    def block(number):
        if threading.current_thread() is not main:
            running.add(number)
            for _ in range(3):
                signal.pthread_kill(main.ident, signal.SIGUSR1)
                time.sleep(0.05)
            running.remove(number)
            ended.append(number)
        else:
            while not running and not ended:
                time.sleep(0.001)

    before = signal.signal(signal.SIGUSR1, interrupt)
    try:
        with pytest.raises(Failure):
            threads._share(2, range(1000), block)
        assert not running and len(ended) == 1
    finally:
        while running:
            time.sleep(0.1)
        signal.signal(signal.SIGUSR1, before)


def test_ctrl_c_while_computing():
    """In the middle of a call: as an exception, and the output rests afterwards."""
    code = """
import signal, threading, time, numpy as np, fastact
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background has it ignored
x = np.zeros(2**22)
mish = fastact.threaded(fastact.mish, 3)
out = mish(x)
for delay in 0.001, 0.003, 0.005:
    out[:] = 7
    timer = threading.Timer(delay, signal.raise_signal, [signal.SIGINT])
    try:
        timer.start()
        for _ in range(1000):
            mish(x, out=out)
    except KeyboardInterrupt:
        before = out.copy()
        time.sleep(0.05)
        assert np.array_equal(before, out)
    else:
        raise SystemExit("no interrupt")
    timer.join()
assert np.array_equal(mish(x), fastact.mish(x))
print("well")
"""
    assert run(code) == "well"


def test_without_threads_to_be_had(monkeypatch):
    def no_pool(count):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threads, "_pool", no_pool)
    y = draw(BIG)
    assert_same(threaded(fastact.sigmoid, 2)(y), fastact.sigmoid(y))


# Threads and processes around it -------------------------------------------------------------


def test_several_callers_at_once():
    inputs = [draw(BIG) + i for i in range(8)]
    sigmoid = threaded(fastact.sigmoid, 3)
    with ThreadPoolExecutor(8) as callers:
        for y, result in zip(inputs, callers.map(sigmoid, inputs)):
            assert_same(result, fastact.sigmoid(y))


def test_nested_calls_come_to_an_end():
    """With every helper in a block that calls for helpers."""
    y = draw(BIG)
    sigmoid, results = threaded(fastact.sigmoid, 2), []
    threads._share(2, range(6), lambda _: results.append(sigmoid(y)))
    assert len(results) == 6
    for result in results:
        assert_same(result, fastact.sigmoid(y))


def in_a_child(pipe):
    y = draw(BIG)
    result = threaded(fastact.sigmoid, 2)(y)
    helpers = [t for t in threading.enumerate() if t.name.startswith("fastact")]
    pipe.send((result, len(helpers)))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_after_a_fork():
    y = draw(BIG)
    threaded(fastact.sigmoid, 2)(y)  # a pool that the child does not inherit
    here, there = multiprocessing.Pipe()
    child = multiprocessing.get_context("fork").Process(target=in_a_child, args=(there,))
    child.start()
    assert here.poll(60)
    result, helpers = here.recv()
    child.join(60)
    assert child.exitcode == 0 and helpers == 1
    assert_same(result, fastact.sigmoid(y))


def test_import_makes_no_threads():
    code = (
        "import sys, threading, fastact; f = fastact.sigmoid\n"
        "assert not {'fastact.threads', 'concurrent.futures'} & {*sys.modules}\n"
        "f = fastact.threaded(f, 2); import numpy as np; f(np.zeros(9))\n"
        "assert threading.active_count() == 1\n"
        "f(np.zeros(99999)); print(threading.active_count())"
    )
    assert run(code) == "2"


# What it takes and what it is ----------------------------------------------------------------


@pytest.mark.parametrize(
    "thing", [fastact.softmax, fastact.bias_relu_backward, np.matmul, len, "sigmoid", None]
)
def test_things_that_cannot_be_cut(thing):
    with pytest.raises(TypeError, match="threaded: .* neither an elementwise function of fastact"):
        threaded(thing)


@pytest.mark.parametrize("count, error", [(0, ValueError), (-1, ValueError), ("two", TypeError)])
def test_numbers_of_threads(count, error):
    with pytest.raises(error, match=rf"threaded: threads is {count!r}, .* is needed"):
        threaded(fastact.sigmoid, count)


def test_threads_by_default():
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert repr(threaded(fastact.relu)) == f"threaded({fastact.relu!r}, threads={cpus})"


def test_it_passes_for_the_function():
    for function in fastact.sigmoid, fastact.leaky_relu, fastact.backends.numpy.sigmoid:
        f = threaded(function, 2)
        assert (f.__name__, f.__doc__) == (function.__name__, function.__doc__)
        assert f.__wrapped__ is threaded(f, 3).__wrapped__ is function
    assert inspect.signature(threaded(fastact.elu)) == inspect.signature(fastact.elu)
    copy = pickle.loads(pickle.dumps(threaded(fastact.elu, 2)))
    assert repr(copy) == repr(threaded(fastact.elu, 2))
