"""No loop may grow unnoticed: its instructions an element are counted, not timed.

``python tests/test_instructions.py`` counts those of the extensions that are built, writes them
to ``instructions.json`` and says what has changed.
"""

import json
import platform
import shutil
from pathlib import Path

import pytest
from disassembly import compiler, innermost_loops

from fastact import backends
from fastact.activations import functions

TIERS = backends.cython.built() if "cython" in backends.runnable() else []
RECORD = Path(__file__).with_name("instructions.json")
#: By how much a loop may be longer than it was recorded.
SLACK = 1.1

pytestmark = [
    pytest.mark.skipif(not TIERS, reason="no extension is built"),
    pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="reads x86-64 code"),
    pytest.mark.skipif(not shutil.which("objdump"), reason="needs binutils"),
]


def count(tier):
    """Of each function and dtype the instructions an element of its vector loops, in ascending
    order: there are several where parameters are tested before, or vary."""
    return {
        f"{name} {dtype}": sorted(
            round(loop.instructions_an_element(dtype, len(operation.outputs)), 3)
            for loop in innermost_loops(tier, name, dtype)
            if loop.is_packed(tier, dtype, row, operation)
        )
        for name, row, operation in functions()
        for dtype in ("float32", "float64")
    }


def longer(found, recorded):
    """What is longer than recorded, or not comparable to it, as lines of text."""
    lines = []
    for key in {**recorded, **found}:
        new, old = found.get(key, []), recorded.get(key, [])
        if len(new) != len(old) or any(n > SLACK * o for n, o in zip(new, old)):
            lines.append(f"{key}: {new} instructions an element, recorded are {old}")
    return lines


@pytest.fixture(scope="module", params=TIERS)
def tier(request):
    recorded = json.loads(RECORD.read_text())["compiler"]
    if compiler(request.param) != recorded:
        # Another compiler's loops may be longer and no slower; test_vectorised.py looks at them.
        pytest.skip(f"the record is of {recorded}, the extension of {compiler(request.param)}")
    return request.param


def test_no_loop_has_grown(tier):
    grown = longer(count(tier), json.loads(RECORD.read_text())[tier])
    assert not grown, "\n".join(["if it is meant: python tests/test_instructions.py", *grown])


def test_a_longer_loop_is_found(tier):
    found = count(tier)
    loops = {key: counts for key, counts in found.items() if counts}
    assert {key.split()[0] for key in found.keys() - loops.keys()} == {"identity"}
    for growth, expected in (1.11, len(loops)), (1.09, 0), (0.5, 0):
        recorded = {key: [n / growth for n in counts] for key, counts in loops.items()}
        assert len(longer(found, recorded)) == expected
    for key, counts in loops.items():
        *shorter, longest = counts
        recorded = {key: [*shorter, longest / 1.11]}, {key: shorter}, {key: [*counts, 99.0]}, {}
        assert all(longer({key: counts}, old) for old in recorded)
        assert longer({}, {key: counts})


def update():
    """Write the record anew."""
    before = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    counts = {tier: count(tier) for tier in TIERS}
    for tier, found in counts.items():
        for key, loops in found.items():
            old = before.get(tier, {}).get(key)
            if old != loops:
                print(f"{tier:8} {key}: {old} -> {loops}")
    lines = [
        f" {json.dumps(tier)}: {{\n"
        + ",\n".join(f"  {json.dumps(key)}: {json.dumps(loops)}" for key, loops in found.items())
        + "\n }"
        for tier, found in counts.items()
    ]
    head = f' "compiler": {json.dumps(compiler(TIERS[0]))}'
    RECORD.write_text("{\n" + ",\n".join([head, *lines]) + "\n}\n")


if __name__ == "__main__":
    update()
