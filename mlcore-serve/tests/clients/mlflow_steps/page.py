"""What MLflow's own web page asks beside the services: its two GraphQL queries, and its requests as they come from the browser."""

EXPERIMENT = """query MlflowGetExperimentQuery($input: MlflowGetExperimentInput!) @component(name: "MLflow.ExperimentRunTracking") {
  mlflowGetExperiment(input: $input) {
    apiError { code message __typename }
    experiment {
      artifactLocation creationTime effectiveTraceArchivalRetention experimentId lastUpdateTime lifecycleStage name
      tags { key value __typename }
      __typename
    }
    __typename
  }
}"""

RUN = """query GetRun($data: MlflowGetRunInput!) @component(name: "MLflow.ExperimentRunTracking") {
  mlflowGetRun(input: $data) {
    apiError { helpUrl code message __typename }
    run {
      info { runName status runUuid experimentId artifactUri endTime lifecycleStage startTime userId __typename }
      experiment { experimentId name tags { key value __typename } artifactLocation lifecycleStage lastUpdateTime __typename }
      modelVersions { status version name source __typename }
      data {
        metrics { key value step timestamp __typename }
        params { key value __typename }
        tags { key value __typename }
        __typename
      }
      inputs {
        datasetInputs {
          dataset { digest name profile schema source sourceType __typename }
          tags { key value __typename }
          __typename
        }
        modelInputs { modelId __typename }
        __typename
      }
      outputs { modelOutputs { modelId step __typename } __typename }
      __typename
    }
    __typename
  }
}"""


def graphql(r):
    ask = lambda name, variables, query: r.ask("POST", "/graphql", {"operationName": name, "variables": variables, "query": query})
    for experiment in [r.kept["plain"], r.kept["tagged"], "424242", "x", ""]:
        ask("MlflowGetExperimentQuery", {"input": {"experimentId": experiment}}, EXPERIMENT)
    # Those that earlier steps made.
    runs = [r.kept[name] for name in ("run", "child", "metrics", "model run", "fluent model run") if name in r.kept]
    for run in [*runs, "0" * 32, ""]:
        ask("GetRun", {"data": {"runId": run}}, RUN)
    ask("GetRun", {}, RUN)
    r.ask("POST", "/graphql", {"query": "{ test(inputString: \"x\") { output } }"})


def browser(r):
    ajax = "/ajax-api/2.0/mlflow/"
    own, runs = r.kept["search"], r.kept["found"]
    newest = ["last_update_time DESC"]
    r.ask("GET", f"{ajax}experiments/search", query={"max_results": 5, "order_by": newest, "filter": "name = 'for search'"})
    gateway = "tags.`mlflow.experiment.isGateway` IS NULL"
    r.ask("GET", f"{ajax}experiments/search", query={"max_results": 25, "order_by": newest, "filter": f"{gateway} AND name ILIKE '%for search%'"})
    body = {"experiment_ids": [own], "order_by": ["attributes.end_time DESC"], "run_view_type": "ACTIVE_ONLY", "filter": "", "max_results": 1}
    r.ask("POST", f"{ajax}runs/search", body)
    r.ask("POST", f"{ajax}runs/search", body | {"filter": f"tags.`mlflow.parentRunId` = '{runs[1]}'"})
    r.ask("POST", f"{ajax}runs/search", body | {"filter": f"run_id IN ('{runs[0]}','{runs[1]}')", "max_results": 100})
    r.ask("POST", f"{ajax}runs/search", body | {"filter": "attributes.run_name ILIKE '%alpha%'", "max_results": 100})
    r.ask("POST", f"{ajax}logged-models/search", {"experiment_ids": [r.kept["models"]], "order_by": [{"field_name": "creation_time", "ascending": False}], "filter": f"attributes.model_id IN ('{r.kept['model']}')"})
    r.ask("GET", f"{ajax}model-versions/search", query={"filter": f"run_id='{runs[0]}'"})
    prompts = f"tags.`mlflow.prompt.is_prompt` = 'true' AND tags.`mlflow.prompt.run_ids` ILIKE \"%{runs[0]}%\""
    r.ask("GET", f"{ajax}model-versions/search", query={"filter": prompts})
    r.ask("GET", f"{ajax}model-versions/search", query={"filter": "name='stages'", "max_results": 25, "order_by": ["creation_timestamp DESC"]})
    r.ask("GET", f"{ajax}registered-models/search", query={"filter": "", "max_results": 25, "order_by": ["name ASC"]})
    r.ask("GET", f"{ajax}registered-models/search", query={"filter": "name ilike '%fores%'", "max_results": 25, "order_by": ["name ASC"]})
    r.ask("GET", f"{ajax}artifacts/list", query={"run_uuid": r.kept["with artifacts"]})
    r.ask("GET", "/get-artifact", query={"path": "note.txt", "run_uuid": r.kept["with artifacts"]})
    for path in ["2.0/mlflow/users/current", "3.0/mlflow/server-info"]:
        r.ask("GET", f"/ajax-api/{path}")
    r.ask("GET", f"{ajax}gateway-proxy", query={"gateway_path": "api/2.0/endpoints/"})


STEPS = [graphql, browser]
