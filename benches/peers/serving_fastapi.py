"""A model behind FastAPI: serving_fastapi.py MODEL.onnx HTTP_PORT GRPC_PORT. It answers HTTP only."""

import socket
import sys
import threading

import numpy as np
import onnxruntime as ort
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

model, http, grpc = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
options = ort.SessionOptions()
options.intra_op_num_threads = 1
session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
names = [output.name for output in session.get_outputs()]
app = FastAPI()


class Tensor(BaseModel):
    name: str
    shape: list[int]
    datatype: str
    data: list[float]


class Request(BaseModel):
    inputs: list[Tensor]


@app.post("/v2/models/m/infer")
async def infer(request: Request):
    tensor = request.inputs[0]
    answers = session.run(None, {tensor.name: np.asarray(tensor.data, np.float32).reshape(tensor.shape)})
    return {
        "model_name": "m",
        "outputs": [
            {
                "name": name,
                "shape": list(answer.shape),
                "datatype": "INT64" if answer.dtype == np.int64 else "FP32",
                "data": answer.ravel().tolist(),
            }
            for name, answer in zip(names, answers)
        ],
    }


def main():
    # Whoever waits for both ports finds both.
    listener = socket.create_server(("127.0.0.1", grpc))
    threading.Thread(target=lambda: [connection.close() for connection, _ in iter(listener.accept, None)], daemon=True).start()
    uvicorn.run(app, port=http, log_level="warning")


main()
