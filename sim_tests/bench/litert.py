"""TensorFlow Lite's kernels, asked through models of one operator that are built on the spot."""

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType

__all__ = ["TYPES", "make", "one_operator_model", "reference_interpreter", "run", "tensor"]

TYPES = schema.TensorType


def make(class_, **fields):
    """Build a flatbuffer object of the schema."""
    instance = class_()
    for name, value in fields.items():
        setattr(instance, name, value)
    return instance


def tensor(name, shape, type_, *, buffer=0, scale=None, zero_point=0):
    """A tensor; a scale for every index of its first dimension if `scale` is an array."""
    quantisation = None
    if scale is not None:
        scale = np.atleast_1d(np.float32(scale))
        quantisation = make(schema.QuantizationParametersT, scale=scale,
                            zeroPoint=np.full(scale.shape, zero_point))
    return make(schema.TensorT, name=name, shape=list(shape), type=type_, buffer=buffer,
                quantization=quantisation)


def one_operator_model(code, version, tensors, inputs, data=(), **options):
    """Serialise a model of one operator, whose first input is the model's, its last tensor the
    result."""
    graph = make(schema.SubGraphT, inputs=[0], outputs=[len(tensors) - 1], tensors=tensors,
                 operators=[make(schema.OperatorT, opcodeIndex=0, inputs=inputs,
                                 outputs=[len(tensors) - 1], **options)])
    model = make(
        schema.ModelT, version=3, subgraphs=[graph],
        operatorCodes=[make(schema.OperatorCodeT, builtinCode=code, deprecatedBuiltinCode=code,
                            version=version)],
        buffers=[make(schema.BufferT, data=np.frombuffer(d, np.uint8)) for d in (b"", *data)])
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def reference_interpreter(**source):
    """Interpreter of a model, by path or content, with the reference kernels."""
    interpreter = Interpreter(**source, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    interpreter.allocate_tensors()
    return interpreter


def run(interpreter, values, output):
    """Outputs of the model for one input, flat."""
    detail = interpreter.get_input_details()[0]
    interpreter.set_tensor(detail["index"], np.reshape(values, detail["shape"]).astype(
        detail["dtype"]))
    interpreter.invoke()
    return interpreter.get_tensor(output).ravel()
