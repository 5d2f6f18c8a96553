"""The instruction-set tiers of the Cython backend, slowest first.

The same source is built once per tier. The build passes a tier's features to the compiler
and import asks the CPU for them, so the two cannot differ.
"""

TIERS = {
    "baseline": (),
    "avx2": ("avx2", "fma", "f16c"),
    "avx512": ("avx2", "fma", "f16c", "avx512f", "avx512bw", "avx512dq", "avx512vl"),
}
