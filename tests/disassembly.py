"""The machine code of the loops, as the disassembler shows it."""

import ctypes
import importlib
import re
import subprocess
from functools import cache

# What a packed instruction on a tier's registers looks like.
REGISTERS = {"baseline": "%xmm", "avx2": "%ymm", "avx512": "%zmm"}
SUFFIX = {"float16": "ps", "float32": "ps", "float64": "pd"}


class Loop(list):
    """An innermost loop: its instructions, as text."""

    def has(self, pattern):
        return any(re.search(pattern, line) for line in self)

    def is_packed(self, tier, dtype):
        """Whether it computes on whole registers of the tier: arithmetic, mask or minimum."""
        operation = rf"^v?(\w*(add|sub|mul|div|min|max|cmp\w*)|and|andn|blend\w*){SUFFIX[dtype]}\s"
        return self.has(operation + f".*{REGISTERS[tier]}") and self.has(
            rf"^v?mov[au]p[sd]\s+{REGISTERS[tier]}\d+,.*\("
        )


@cache
def functions(tier):
    """The code of a tier's module: function address -> [(address, instruction)]."""
    module = importlib.import_module(f"fastact._ufuncs_{tier}")
    listing = subprocess.run(
        ["objdump", "--disassemble", "--no-show-raw-insn", module.__file__],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    code, current, init = {}, None, None
    for line in listing.splitlines():
        if match := re.match(r"([0-9a-f]+) <(.+)>:$", line):
            current = code[int(match[1], 16)] = []
            if match[2] == f"PyInit__ufuncs_{tier}":
                init = int(match[1], 16)
        elif match := re.match(r"\s+([0-9a-f]+):\t(.+)", line):
            current.append((int(match[1], 16), match[2].strip()))
    # The module was loaded where its init function lies now, less where the file has it.
    library = ctypes.PyDLL(module.__file__)
    entry = ctypes.cast(getattr(library, f"PyInit__ufuncs_{tier}"), ctypes.c_void_p).value
    return {address + entry - init: instructions for address, instructions in code.items()}


def innermost_loops(tier, name, dtype):
    """The innermost loops of the compiled loop of one ufunc and dtype."""
    module = importlib.import_module(f"fastact._ufuncs_{tier}")
    instructions = functions(tier)[module.LOOPS[name, dtype]]
    index = {address: i for i, (address, _) in enumerate(instructions)}
    spans = set()
    for i, (address, text) in enumerate(instructions):
        if match := re.match(r"j\w+\s+([0-9a-f]+)", text):
            target = index.get(int(match[1], 16))
            if target is not None and target <= i:
                spans.add((target, i))
    inner = [
        (a, b)
        for a, b in spans
        if not any(a <= c and d <= b and (c, d) != (a, b) for c, d in spans)
    ]
    return [Loop(text for _, text in instructions[a : b + 1]) for a, b in sorted(inner)]
