"""A model behind MLServer: serving_mlserver.py MODEL.onnx HTTP_PORT GRPC_PORT."""

import json
import os
import sys
import tempfile
from pathlib import Path


def main():
    model, http, grpc = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    folder = Path(tempfile.mkdtemp())
    settings = {"host": "127.0.0.1", "http_port": http, "grpc_port": grpc, "metrics_endpoint": None, "parallel_workers": 0, "debug": False}
    (folder / "settings.json").write_text(json.dumps(settings))
    served = {"name": "m", "implementation": "serving_mlserver_runtime.OnnxRuntime", "parameters": {"uri": model}}
    (folder / "model-settings.json").write_text(json.dumps(served))
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    program = Path(sys.executable).with_name("mlserver")
    os.chdir(folder)
    os.execve(program, [str(program), "start", str(folder)], environment)


main()
