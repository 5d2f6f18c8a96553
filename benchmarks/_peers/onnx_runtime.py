"""ONNX Runtime: its operators, forward only, bound to the arrays given."""

import onnxruntime
from onnx import helper
from onnxruntime.capi import onnxruntime_pybind11_state as errors

from . import Call, Peer

#: By row: the nodes of the model, "x" to "y", from the row's parameters. A node is the operator,
#: its inputs and attributes; what is not the last goes by the operator's name. A number is a
#: constant input.
NODES = {
    "identity": lambda: [("Identity", ["x"], {})],
    "relu": lambda: [("Relu", ["x"], {})],
    "relu6": lambda: [("Clip", ["x", 0, 6], {})],
    "leaky_relu": lambda a: [("LeakyRelu", ["x"], {"alpha": a})],
    "prelu": lambda a: [("LeakyRelu", ["x"], {"alpha": a})],
    "elu": lambda a: [("Elu", ["x"], {"alpha": a})],
    "selu": lambda: [("Selu", ["x"], {})],
    "celu": lambda a: [("Celu", ["x"], {"alpha": a})],
    "sigmoid": lambda: [("Sigmoid", ["x"], {})],
    "log_sigmoid": lambda: [
        ("Neg", ["x"], {}),
        ("Softplus", ["Neg"], {}),
        ("Neg", ["Softplus"], {}),
    ],
    "hard_sigmoid": lambda: [("HardSigmoid", ["x"], {"alpha": 1 / 6, "beta": 0.5})],
    "tanh": lambda: [("Tanh", ["x"], {})],
    "lecun_tanh": lambda: [
        ("Mul", ["x", 2 / 3], {}),
        ("Tanh", ["Mul"], {}),
        ("Mul", ["Tanh", 1.7159], {}),
    ],
    "hard_tanh": lambda a, b: [("Clip", ["x", a, b], {})],
    "tanh_shrink": lambda: [("Tanh", ["x"], {}), ("Sub", ["x", "Tanh"], {})],
    "softsign": lambda: [("Softsign", ["x"], {})],
    "softplus": lambda beta: [("Softplus", ["x"], {})],
    "gelu": lambda: [("Gelu", ["x"], {})],
    "gelu_tanh": lambda: [("Gelu", ["x"], {"approximate": "tanh"})],
    "quick_gelu": lambda: [("QuickGelu", ["x"], {"alpha": 1.702})],
    "silu": lambda: [("QuickGelu", ["x"], {"alpha": 1.0})],
    "swish": lambda beta: [("QuickGelu", ["x"], {"alpha": beta})],
    "mish": lambda: [("Mish", ["x"], {})],
    "hard_swish": lambda: [("HardSwish", ["x"], {})],
    "soft_shrink": lambda a: [("Shrink", ["x"], {"lambd": a, "bias": a})],
    "hard_shrink": lambda a: [("Shrink", ["x"], {"lambd": a, "bias": 0.0})],
}
MICROSOFT = "com.microsoft"


def model(nodes, dtype):
    """The serialised model of the nodes."""
    kind = helper.np_dtype_to_tensor_dtype(dtype)
    constants, made = [], []
    for i, (operator, inputs, attributes) in enumerate(nodes):
        names = []
        for value in inputs:
            if not isinstance(value, str):
                constants.append(helper.make_tensor(f"c{len(constants)}", kind, [], [value]))
                value = constants[-1].name
            names.append(value)
        output = "y" if i == len(nodes) - 1 else operator
        domain = MICROSOFT if operator == "QuickGelu" else ""
        made.append(helper.make_node(operator, names, [output], domain=domain, **attributes))
    x, y = (helper.make_tensor_value_info(name, kind, ["n"]) for name in "xy")
    graph = helper.make_graph(made, "activation", [x], [y], constants)
    opsets = [helper.make_opsetid("", 22), helper.make_opsetid(MICROSOFT, 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString()


class OnnxRuntime(Peer):
    can_be_held = False

    def call(self, row, suffix, operands):
        if suffix != "" or row.name not in NODES:
            return None
        nodes = NODES[row.name](*(parameter.typical for parameter in row.parameters))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        try:
            session = onnxruntime.InferenceSession(
                model(nodes, operands.x.dtype), options, providers=["CPUExecutionProvider"]
            )
        except (errors.InvalidGraph, errors.NotImplemented):
            return None  # for this dtype
        binding = session.io_binding()
        for bind, name, array in (
            (binding.bind_input, "x", operands.x),
            (binding.bind_output, "y", operands.out[0]),
        ):
            bind(name, "cpu", 0, array.dtype.type, array.shape, array.ctypes.data)
        return Call(session.run_with_iobinding, (binding,))


PEER = OnnxRuntime
