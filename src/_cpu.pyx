"""What this machine's CPU, with its operating system, can run."""

cdef extern from *:
    """
    #if defined(__GNUC__) && defined(__x86_64__)
    #define fastact_supports(feature) __builtin_cpu_supports(feature)
    #else
    #define fastact_supports(feature) 0
    #endif
    """
    bint supports_avx2 "fastact_supports(\"avx2\")"
    bint supports_fma "fastact_supports(\"fma\")"
    bint supports_f16c "fastact_supports(\"f16c\")"
    bint supports_avx512f "fastact_supports(\"avx512f\")"
    bint supports_avx512bw "fastact_supports(\"avx512bw\")"
    bint supports_avx512dq "fastact_supports(\"avx512dq\")"
    bint supports_avx512vl "fastact_supports(\"avx512vl\")"

#: The features that the tiers ask for (fastact/tiers.py), and whether they are there.
FEATURES = {
    "avx2": supports_avx2,
    "fma": supports_fma,
    "f16c": supports_f16c,
    "avx512f": supports_avx512f,
    "avx512bw": supports_avx512bw,
    "avx512dq": supports_avx512dq,
    "avx512vl": supports_avx512vl,
}
