"""Writes fastact/scalar.pxd, the table's functions for Cython; setup.py runs it at each build."""

import runpy
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "fastact"

HEAD = """\
# The table's functions for loops in Cython, inlined there; for float and double.
#
# Written by src/projections.py; the formulas stand in formulas.pxd. Names and arguments are those
# of the Python functions, but parameters have to be given, in the type of the operands, and
# `sigmoid_with_derivative(x, &y, &dy)` takes pointers for its two results.

from fastact.elementary cimport real
from fastact.formulas cimport (
"""

PROJECTION = """

cdef inline real {name}({declared}) noexcept nogil:
{body}
"""

FROM_INPUT = """\
    cdef real fx, dfx
    {row}_with_derivative({arguments}, &fx, &dfx)
    return {result}"""


def scalar_pxd(rows):
    """The text of scalar.pxd."""
    formulas, projections = [], []
    for row in rows:
        names = [parameter.name for parameter in row.parameters]
        for operation in row.operations():
            if len(operation.outputs) == 2:  # as the formula is
                formulas.append(row.name + operation.suffix)
                continue
            result, _, from_output = operation.outputs[0].partition(" where ")
            arguments = ", ".join([operation.inputs[-1], *names])
            if from_output:
                formulas.append(f"{row.name}_derivative_from_output")
                body = "    return " + result.replace("f'(x)", f"{formulas[-1]}({arguments})")
            else:
                result = result.replace("f'(x)", "dfx").replace("f(x)", "fx")
                body = FROM_INPUT.format(row=row.name, arguments=arguments, result=result)
            declared = ", ".join(f"real {name}" for name in [*operation.inputs, *names])
            name = row.name + operation.suffix
            projections.append(PROJECTION.format(name=name, declared=declared, body=body))
    cimports = "".join(f"    {name},\n" for name in formulas) + ")\n"
    return HEAD + cimports + "".join(projections)


def write():
    """Write the file if it would change: what is compiled from it looks at its time."""
    text = scalar_pxd(runpy.run_path(str(FOLDER / "activations.py"))["ACTIVATIONS"].values())
    path = FOLDER / "scalar.pxd"
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


if __name__ == "__main__":
    write()
