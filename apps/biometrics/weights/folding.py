"""Folds a block-quantised ONNX graph back to 32-bit weights.

The published SFace keeps its weights as 8-bit integers with scales, and lists them as graph inputs:
onnxruntime refuses that, and where it runs it takes twice the time. Computing every
`DequantizeLinear` (and the `Reshape` after it) once leaves the same function in plain floats.
"""

from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

Arrays = dict[str, NDArray[Any]]
OPSET: Final = 13  # of the folded graph; nothing newer is left in it
IR_VERSION: Final = 8  # the newest that OpenCV 4's reader and onnxruntime share


def fold_quantised(model: bytes) -> bytes:
    """The same network with plain float32 weights. The same input gives the same bytes."""
    graph = onnx.load_from_string(model).graph
    constants = {item.name: numpy_helper.to_array(item) for item in graph.initializer}
    kept, folded = _fold_nodes(list(graph.node), constants)
    used = {name for node in kept for name in node.input}
    weights = {name: value for name, value in {**constants, **folded}.items() if name in used}
    inputs = [item for item in graph.input if item.name in used and item.name not in weights]
    initializers = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    plain = helper.make_graph(kept, graph.name, inputs, list(graph.output), initializers)
    result = helper.make_model(
        plain, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION
    )
    onnx.checker.check_model(result)
    return result.SerializeToString(deterministic=True)


def _fold_nodes(
    nodes: list[onnx.NodeProto], constants: Arrays
) -> tuple[list[onnx.NodeProto], Arrays]:
    """The nodes that stay, and the values of those that were computed."""
    kept: list[onnx.NodeProto] = []
    folded: Arrays = {}
    for node in nodes:
        if node.op_type == "DequantizeLinear":
            folded[node.output[0]] = _dequantised(node, constants)
        elif node.op_type == "Reshape" and node.input[0] in folded:
            shape = constants[node.input[1]].astype(int)
            folded[node.output[0]] = folded.pop(node.input[0]).reshape(shape)
        else:
            kept.append(node)
    return kept, folded


def _dequantised(node: onnx.NodeProto, constants: Arrays) -> NDArray[np.float32]:
    """(q - zero point) x scale, per block, channel or tensor (ONNX operator DequantizeLinear)."""
    attributes = {item.name: helper.get_attribute_value(item) for item in node.attribute}
    axis, block = attributes.get("axis", 1), attributes.get("block_size", 0)
    quantised, scale, zero = (constants[name].astype(np.float32) for name in node.input)
    scale = _spread(scale, quantised.shape, axis=axis, block=block)
    zero = _spread(zero, quantised.shape, axis=axis, block=block)
    return np.asarray((quantised - zero) * scale, dtype=np.float32)


def _spread(values: NDArray[Any], shape: tuple[int, ...], *, axis: int, block: int) -> NDArray[Any]:
    """Repeat or reshape the quantiser's values so that they broadcast over `shape`."""
    if block:
        return np.repeat(values, block, axis=axis).take(range(shape[axis]), axis=axis)
    if values.ndim == 1 and len(shape) > 1:
        along = [1] * len(shape)
        along[axis] = -1
        return values.reshape(along)
    return values
