"""What of its process a library might change: run as a script, it prints what calls did change.

A process of its own, for pytest changes much of it. Linux on x86-64 alone.
"""

import ctypes
import decimal
import gc
import json
import locale
import os
import random
import re
import signal
import socket
import sys
import threading
import warnings

import numpy as np

LIBC = ctypes.CDLL(None)
LIBC.__errno_location.restype = ctypes.POINTER(ctypes.c_int)
LIBM = ctypes.CDLL("libm.so.6")
#: Every flag of IEEE, and the one for subnormals, as fenv.h has them on x86.
FLAGS = 0x3F


def floating_point_modes():
    """Masks, rounding, flush to zero: the x87 control word and MXCSR without their flags."""
    environment = (ctypes.c_uint32 * 8)()  # glibc's fenv_t: what fnstenv stores, then MXCSR
    LIBM.fegetenv(environment)
    return environment[0] & 0xFFFF, environment[7] & ~FLAGS


def environment():
    """As Python and as C have it: os.environ does not see C's setenv."""
    pointers = ctypes.POINTER(ctypes.c_char_p).in_dll(LIBC, "environ")
    length = next(i for i in range(10**6) if pointers[i] is None)
    return dict(os.environ), pointers[:length]


def of_proc(path, names=""):
    with open(f"/proc/self/{path}") as lines:
        return [line for line in lines if re.match(names, line)]


#: What is not to change: each a function of nothing whose results can be compared.
STATES = {
    "floating-point modes": floating_point_modes,
    "warning filters": lambda: warnings.filters[:],
    "environment": environment,
    "threads": lambda: (of_proc("status", "Threads"), threading.active_count()),
    "signals": lambda: (
        [signal.getsignal(number) for number in sorted(signal.valid_signals())],
        of_proc("status", "Sig(Cgt|Ign|Blk)"),
    ),
    "NumPy's settings": lambda: (np.geterr(), np.geterrcall(), repr(np.get_printoptions())),
    "random numbers": lambda: (random.getstate(), repr(np.random.get_state())),
    "locale": lambda: (locale.setlocale(locale.LC_ALL), repr(decimal.getcontext().prec)),
    "paths": lambda: (os.getcwd(), sys.path[:], sys.meta_path[:], sys.path_hooks[:]),
    "hooks": lambda: (sys.excepthook, sys.displayhook, sys.gettrace(), sys.getprofile()),
    "limits": lambda: (sys.getrecursionlimit(), sys.getswitchinterval(), gc.get_threshold()),
    "open files": lambda: sorted(os.listdir("/proc/self/fd")),
    "children": lambda: of_proc(f"task/{os.getpid()}/children"),
}

#: A way to break each promise, for the tests of the tests.
SABOTAGE = {
    "floating-point modes": lambda: LIBM.fesetround(0x400),
    "warning filters": lambda: warnings.simplefilter("ignore"),
    "environment": lambda: LIBC.setenv(b"FASTACT_SABOTAGE", b"1", 1),
    "threads": lambda: threading.Thread(target=threading.Event().wait, daemon=True).start(),
    "signals": lambda: signal.signal(signal.SIGUSR1, print),
    "NumPy's settings": lambda: np.seterr(over="raise"),
    "random numbers": np.random.random,
    "locale": lambda: decimal.setcontext(decimal.Context(prec=3)),
    "paths": lambda: sys.path.append("/"),
    "hooks": lambda: setattr(sys, "excepthook", print),
    "limits": lambda: sys.setrecursionlimit(2345),
    "open files": lambda: os.open(os.devnull, os.O_RDONLY),
    "children": lambda: os.posix_spawn("/bin/true", ["true"], {}),
    "flags raised": lambda: LIBM.feraiseexcept(0x20),
    "flags cleared": lambda: LIBM.feclearexcept(0x20),
    "errno": lambda: LIBC.close(-1),
    "audit: open": lambda: open("written", "w").close(),
    "audit: os.mkdir": lambda: os.makedirs("made", exist_ok=True),
    "audit: socket": lambda: socket.socket().close(),
}

#: Events of sys.audit that are a library's to raise only if it was asked; `open` is looked at.
FORBIDDEN = re.compile(
    r"os\.(?!listdir|scandir|walk|fwalk|listxattr|getxattr)|shutil|tempfile|subprocess|signal|"
    r"socket|urllib|ftplib|http|smtplib|pty|syslog"
)


def is_forbidden(event, arguments):
    """Whether an event is a change to files, a process or a connection."""
    if event != "open":
        return FORBIDDEN.match(event)
    _, mode, flags = arguments
    writing = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
    return (flags or 0) & writing or not {*"wax+"}.isdisjoint(mode or "")


def of_call(function, *operands):
    """Which of errno and the flags a call changes. Python's own arithmetic raises flags too."""
    errno = LIBC.__errno_location()
    LIBM.feclearexcept(FLAGS)
    errno[0] = 1234
    function(*operands)
    number, raised = errno[0], LIBM.fetestexcept(FLAGS)
    LIBM.feraiseexcept(FLAGS)
    before = LIBM.fetestexcept(FLAGS)
    function(*operands)
    cleared = LIBM.fetestexcept(FLAGS) != before
    LIBM.feclearexcept(FLAGS)
    changed = {"errno": number != 1234, "flags raised": raised, "flags cleared": cleared}
    return [name for name in changed if changed[name]]


def changes(work, sabotage=()):
    """What `work` changed. It yields functions with operands, of which each call is examined."""
    found, events = [], []

    def listen(event, arguments):
        if listening and is_forbidden(event, arguments):
            events.append(f"audit: {event} {arguments}")

    for state in STATES.values():  # reading some imports modules of NumPy
        state()
    before, listening = {name: state() for name, state in STATES.items()}, True
    sys.addaudithook(listen)
    for function, operands in work():
        found += [f"{name} by {function.__name__}" for name in of_call(function, *operands)]
    for name in sabotage:
        found += of_call(SABOTAGE[name])
    listening = False
    return found + [name for name, state in STATES.items() if state() != before[name]] + events


def nothing():
    return ()


def every_call():
    """Every function in every dtype, on NumPy and on each tier; the latter to be examined."""
    import every_call

    import fastact
    import fastact.diagnostics

    namespaces = {"numpy": fastact.backends.numpy}
    if "cython" in fastact.backends.runnable():
        cython = fastact.backends.cython
        namespaces |= {tier: cython.load_tier(tier) for tier in cython.runnable()}
    for name, namespace in namespaces.items():
        for dtype in np.float16, np.float32, np.float64:
            for function, operands in every_call.every_call(namespace, dtype):
                function(*operands)
                if name != "numpy":
                    yield function, operands
    monitor = fastact.diagnostics.Monitor({"layer": "relu"})
    monitor.layer("layer", np.ones((9, 9)), grad=np.ones((9, 9)))
    monitor.report()


def numba_call():
    """A function of the backend that compiles when it is called."""
    from fastact.backends import numba

    numba.leaky_relu_with_derivative(np.ones(9, np.float32))
    return ()


if __name__ == "__main__":
    work, *sabotage = sys.argv[1:]
    print(json.dumps(changes(globals()[work], sabotage)))
