"""The endpoints that MLflow's own service definitions list, those that a recording asked, and those left out with the reason."""

import re

from mlflow.protos import databricks_pb2
from mlflow.protos.mlflow_artifacts_pb2 import MlflowArtifactsService
from mlflow.protos.model_registry_pb2 import ModelRegistryService
from mlflow.protos.service_pb2 import MlflowService


class Elsewhere:
    """Patterns of paths that the script leaves out, each with the reason."""

    def __init__(self, patterns):
        self.patterns = patterns

    def reason(self, path):
        return next((reason for pattern, reason in self.patterns.items() if re.search(pattern, path)), None)


ELSEWHERE = Elsewhere({
    r"/mlflow/traces|trace-details|unified-traces|/mlflow/assessments|/traces/": "Traces of language models are no part of tracking here.",
    r"/mlflow/(?:issues|label-schemas|review-queues|scorers)": "The review of traces by people and scorers is no part of it.",
    r"/mlflow/datasets": "Evaluation data sets are tables of traces; the data sets of runs are logged as inputs.",
    r"/mlflow/gateway": "The gateway to language models is no part of it.",
    r"/mlflow/prompt-optimization": "Prompts are optimised by jobs against language models.",
    r"/mlflow/workspaces": "The stock server knows them only when it is started with workspaces.",
})


def services():
    """Every endpoint of the three services as (method, path with {parameters}), without the prefix of the version."""
    found = set()
    for service in (MlflowService, ModelRegistryService, MlflowArtifactsService):
        for method in service.DESCRIPTOR.methods:
            for endpoint in method.GetOptions().Extensions[databricks_pb2.rpc].endpoints:
                # One of them lacks its first slash.
                found.add((endpoint.method, "/" + endpoint.path.lstrip("/")))
    return sorted(found)


def requests():
    """(method, path, the request's descriptor, the answer's descriptor or None) of each endpoint."""
    for service in (MlflowService, ModelRegistryService, MlflowArtifactsService):
        for method in service.DESCRIPTOR.methods:
            for endpoint in method.GetOptions().Extensions[databricks_pb2.rpc].endpoints:
                answer = method.input_type.nested_types_by_name.get("Response")
                yield endpoint.method, "/" + endpoint.path.lstrip("/"), method.input_type, answer


def hit(recording):
    """Those that a recording asked, whatever was answered."""
    patterns = []
    for method, path in services():
        # A path of an artifact holds slashes.
        own = re.sub(r"<path:\w+>", ".+", re.sub(r"\{[\w.]+\}", "[^/]+", path.replace(".", r"\.")))
        patterns.append((method, path, re.compile(rf"/(?:ajax-)?api/[23]\.0{own}")))
    asked = {(call["method"], call["path"]) for step in recording["steps"] for call in step["calls"] if "path" in call}
    return {(method, path) for method, path, pattern in patterns for verb, own in asked if verb == method and pattern.fullmatch(own)}
