"""ONNX models, loaded and able to answer."""

from mlcore._mlcore import Field, Runner, onnx_runtime

__all__ = ["Field", "Runner", "onnx_runtime"]
