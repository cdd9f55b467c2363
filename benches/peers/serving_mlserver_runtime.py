"""ONNX Runtime as a runtime of MLServer."""

import numpy as np
import onnxruntime as ort
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse


class OnnxRuntime(MLModel):
    async def load(self) -> bool:
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = ort.InferenceSession(self.settings.parameters.uri, options, providers=["CPUExecutionProvider"])
        self.names = [output.name for output in self.session.get_outputs()]
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        rows = NumpyCodec.decode_input(payload.inputs[0]).astype(np.float32, copy=False)
        answers = self.session.run(None, {payload.inputs[0].name: rows})
        outputs = [
            NumpyCodec.encode_output(name, answer if answer.ndim > 1 else answer[:, None])
            for name, answer in zip(self.names, answers)
        ]
        return InferenceResponse(model_name=self.name, outputs=outputs)
