"""ONNX models, loaded and able to answer."""

from mlcore._mlcore.runner import *
