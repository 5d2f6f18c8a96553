"""The machine code of the loops, as the disassembler shows it."""

import ctypes
import importlib
import importlib.util
import re
import subprocess
from functools import cache

import numpy as np

from fastact import backends
from fastact.activations import ACTIVATIONS, OPERATIONS

# What a packed instruction on a tier's registers looks like.
REGISTERS = {"baseline": "%xmm", "avx2": "%ymm", "avx512": "%zmm"}
# Of kernels that memory bounds; not all compilers can be told of one function's width.
NARROW = REGISTERS | {"avx512": "%[yz]mm"}
SUFFIX = {"float16": "ps", "float32": "ps", "float64": "pd"}


#: What src/ufuncs.pxi calls cheap_from_output.
CHEAP_FROM_OUTPUT = ["sigmoid", "tanh", "softsign"]


def is_cheap(row):
    """Whether src/ufuncs.pxi has it among the cheap ones, which memory bounds."""
    return row.cost in ("copy", "max")


def is_cheap_from_output(row, operation):
    return "y" in operation.inputs and row.name in CHEAP_FROM_OUTPUT


class Loop(list):
    """An innermost loop: its instructions, as text."""

    def has(self, pattern):
        return any(re.search(pattern, line) for line in self)

    def is_packed(self, tier, dtype, row=None, operation=None):
        """Whether it computes on whole registers: arithmetic, mask or minimum.

        Those of the tier or, in a kernel of a row that is cheap, those that it is given.
        """
        narrow = row and (is_cheap(row) or is_cheap_from_output(row, operation))
        registers = (NARROW if narrow else REGISTERS)[tier]
        operation = rf"^v?(\w*(add|sub|mul|div|min|max|cmp\w*)|and|andn|blend\w*){SUFFIX[dtype]}\s"
        return self.has(operation + f".*{registers}") and self.has(
            rf"^v?mov[au]p[sd]\s+{registers}\d+,.*\("
        )

    def instructions_an_element(self, dtype, outputs):
        """Its length, by what a pass stores in each of the outputs; spilled registers aside."""
        stores = [
            re.match(r"v?mov\w+\s+%([xyz])mm\d+,(?!-?\w*\(%rsp|-\w+\(%rbp)\w*\(", line)
            for line in self
        ]
        stored = sum({"x": 16, "y": 32, "z": 64}[store[1]] for store in stores if store)
        return len(self) * outputs * np.dtype(dtype).itemsize / stored


@cache
def functions(file, objdump="objdump"):
    """The code of a module: symbol and address in the file -> [(address, instruction)]."""
    listing = subprocess.run(
        [objdump, "--disassemble", "--no-show-raw-insn", file],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    code, current = {}, None
    for line in listing.splitlines():
        if match := re.match(r"([0-9a-f]+) <(.+)>:$", line):
            current = code[match[2]] = code[int(match[1], 16)] = []
        elif match := re.match(r"\s+([0-9a-f]+):\t(.+)", line):
            current.append((int(match[1], 16), match[2].strip()))
    return code


@cache
def compiler(tier):
    """The name and major version of the compiler of a tier's module, as in GCC 12."""
    listing = subprocess.run(
        ["readelf", "--string-dump=.comment", path(tier)],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    found = re.findall(r"(GCC|clang).*?(\d+)\.\d+", listing)
    return " ".join(found[-1]) if found else "an unknown compiler"


def path(tier):
    return importlib.util.find_spec(f"fastact._ufuncs_{tier}").origin


def code_of(tier, name, dtype):
    """The instructions of a kernel, found by its address, or without running it by its symbol."""
    code = functions(path(tier))
    if tier in backends.cython.runnable():
        module = importlib.import_module(f"fastact._ufuncs_{tier}")
        # The module was loaded where its init function lies now, less where the file has it.
        init = f"PyInit__ufuncs_{tier}"
        entry = ctypes.cast(getattr(ctypes.PyDLL(path(tier)), init), ctypes.c_void_p).value
        return code[module.KERNELS[name, dtype] - entry + code[init][0][0]]
    return by_symbol(code, tier, name, dtype)


def by_symbol(code, tier, name, dtype):
    """The instructions of a kernel, of those of a module, as Cython calls it."""
    if name == "loop":
        symbol = rf"__pyx_fuse_0__pyx_f_\w*_ufuncs_{tier}_loop"
    else:
        row, operation = next(
            (row, operation)
            for row in ACTIVATIONS.values()
            for operation in row.operations()
            if row.name + operation.suffix == name
        )
        kernel = "narrow_kernel" if is_cheap(row) else "kernel"
        kin = [other for other in ACTIVATIONS.values() if is_cheap(other) == is_cheap(row)]
        places = ["float32", "float64"].index(dtype), kin.index(row), OPERATIONS.index(operation)
        if is_cheap_from_output(row, operation):
            kernel = "narrow_from_output"
            places = places[0], CHEAP_FROM_OUTPUT.index(row.name)
        symbol = f"__pyx_fuse_{'_'.join(map(str, places))}__pyx_f_"
        symbol += rf"\w*_ufuncs_{tier}_{kernel}"
    return next(found for key, found in code.items() if re.fullmatch(symbol, str(key)))


def innermost_loops(tier, name, dtype):
    """The innermost loops of the kernel of one ufunc and dtype, or of all ufuncs' `loop`."""
    instructions = code_of(tier, name, dtype)
    if match := re.match(r"jmp\s+[0-9a-f]+ <(\w+)>", instructions[0][1]):
        instructions = functions(path(tier))[match[1]]  # the compiler saw that two kernels are one
    return loops_in(instructions)


def loops_in(instructions, jump=r"j\w+\s+([0-9a-f]+)"):
    """The innermost loops of a function, by what a jump looks like."""
    index = {address: i for i, (address, _) in enumerate(instructions)}
    spans = set()
    for i, (_, text) in enumerate(instructions):
        if match := re.match(jump, text):
            target = index.get(int(match[1], 16))
            if target is not None and target <= i:
                spans.add((target, i))
    inner = [
        (a, b)
        for a, b in spans
        if not any(a <= c and d <= b and (c, d) != (a, b) for c, d in spans)
    ]
    return [Loop(text for _, text in instructions[a : b + 1]) for a, b in sorted(inner)]
