"""A process whose libraries are held to a number of threads, and to a tier's instructions."""

import os
import subprocess
import sys

from _measure import simd

TIERS = ["baseline", "avx2"]
#: Says that the process is held already, and to what.
HELD = "FASTACT_BENCHMARK_HELD"


def environment(tier, threads):
    """The variables that libraries read as they are loaded; a tier of None is the machine's."""
    pools = "OMP", "MKL", "OPENBLAS", "NUMEXPR", "NUMBA"
    variables = {f"{name}_NUM_THREADS": str(threads) for name in pools}
    flags = "--xla_cpu_multi_thread_eigen=false"  # XLA heeds none after a word that is no flag
    if tier is not None:
        aten, dnn, mkl, cpu = {
            "baseline": ("default", "SSE41", "SSE4_2", "x86-64"),
            "avx2": ("avx2", "AVX2", "AVX2", "x86-64-v3"),
        }[tier]
        flags += f" --xla_cpu_max_isa={mkl}"
        variables |= {
            "FASTACT_ISA": tier,
            "ATEN_CPU_CAPABILITY": aten,
            "ONEDNN_MAX_CPU_ISA": dnn,
            "MKL_ENABLE_INSTRUCTIONS": mkl,
            "NUMBA_CPU_NAME": cpu,
            "NUMBA_CPU_FEATURES": "",
        }
        wide = "AVX512", "X86_V4"
        beyond = [n for n in simd("found") if tier == "baseline" or n.startswith(wide)]
        if beyond:
            variables["NPY_DISABLE_CPU_FEATURES"] = " ".join(beyond)
    variables |= {
        "XLA_FLAGS": flags,
        "JAX_PLATFORMS": "cpu",
        "JAX_ENABLE_X64": "1",
    }
    return variables | {HELD: f"{tier or 'best'} tier, {threads} threads"}


def run_held(script, arguments, tier=None, threads=1):
    """None if this process is held as asked for; else the exit status of one that is."""
    variables = environment(tier, threads)
    if os.environ.get(HELD) == variables[HELD]:
        # XLA takes as many threads as there are CPUs for large arrays, whatever its flags say.
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-threads:])
        return None
    command = [sys.executable, script, *arguments]
    return subprocess.run(command, check=False, env=os.environ | variables).returncode
