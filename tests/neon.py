"""Look whether the loops of an extension for aarch64 compute on NEON's registers.

``python tests/neon.py _ufuncs_baseline.cpython-311-aarch64-linux-gnu.so``, with the binutils of a
cross compiler; tests/test_vectorised.py does it for x86-64, by the same measure.
"""

import re
import sys

from disassembly import by_symbol, functions, loops_in

import fastact.activations

#: A conditional or plain branch, a comparison with zero or a bit's test among them.
JUMP = r"(?:b(?:\.\w+)?|cbn?z\s+\w+,|tbn?z\s+\w+,\s+#\d+,)\s+([0-9a-f]+) "
#: Arithmetic, a comparison or a choice on whole registers.
PACKED = r"(f(add|sub|mul|div|mla|mls|max|min|abs|neg|cm|sqrt)\w*|bsl|bi[tf]|and|orr|bic)\s+v\d+\."
LANES = {"float32": "4s", "float64": "2d"}


def scalar_kernels(file):
    """Say what each kernel has; return the names of those without enough vector loops."""
    code = functions(file, "aarch64-linux-gnu-objdump")
    left, seen, fused = [], 0, 0
    for name, row, operation in fastact.activations.functions():
        if row.cost == "copy" and not operation.suffix:
            continue
        for dtype, lanes in LANES.items():
            instructions = by_symbol(code, "baseline", name, dtype)
            if match := re.match(r"b\s+[0-9a-f]+ <(\w+)>", instructions[0][1]):
                instructions = code[match[1]]  # the compiler saw that two kernels are one
            loops = loops_in(instructions, JUMP)
            packed = [
                loop
                for loop in loops
                if loop.has(PACKED)
                and loop.has(rf"v\d+\.({lanes}|16b)")
                and loop.has(r"^st[rp]\s+q")
            ]
            seen += 1
            fused += any(loop.has(rf"^fml[as]\s+v\d+\.{lanes}") for loop in packed)
            # One loop, and one for parameters that vary.
            if len(packed) < 1 + bool(row.parameters):
                left.append(f"{name} {dtype}: {len(packed)} of {len(loops)} loops")
    print(f"{seen - len(left)} of {seen} kernels compute on whole registers, {fused} with fmla")
    return left


if __name__ == "__main__":
    sys.exit("\n".join(scalar_kernels(sys.argv[1])) or None)
