"""Files of MLflow's folders, behind the byte that says which: as MLflow writes them, and as a kill or a neighbour leaves them."""


def mlflow_folder():
    """One file a file. The other files of the store are those of `mlcore/tests/fuzz/mlflow_folder.rs`."""
    experiment = "artifact_location: file:///srv/1\ncreation_time: 5\nexperiment_id: '1'\nlast_update_time: 6\nlifecycle_stage: active\nname: churn\n"
    run = "artifact_uri: mlflow-artifacts:/1/a/artifacts\nend_time: null\nexperiment_id: '1'\nrun_id: a\nrun_name: ''\nstart_time: 1\nstatus: 1\ntags: []\n"
    model = "artifact_location: mlflow-artifacts:/1/models/m-1/artifacts\nexperiment_id: '1'\nmodel_id: m-1\nname: forest\nstatus: 3\n"
    data = "digest: d1\nname: iris\nprofile: '{\"rows\": 3}'\nschema: null\nsource: |-\n  {}\n  x\nsource_type: local\n"
    taken = [
        "r" + run,
        "r" + run.replace("run_id", "run_uuid"),
        "r" + run.replace("'1'", "1"),
        "r" + run + "user_id: \"\\xFC\\N\\U0001F600 \\\n  x\"\n",
        "r" + run.replace("run_name: ''", "run_name: one two\n  three"),
        "r" + run + "lifecycle_stage: deleted\ndeleted_time: 9\n",
        "l" + model,
        "l" + model + "lifecycle_stage: deleted\nmodel_type: tree\nsource_run_id: a\n",
        "d" + data,
        "isource_id: d\nsource_type: DATASET\ntags: {}\n",
        "isource_id: m-1\nsource_type: MODEL\n",
        "isource_id: x\nsource_type: NEW\n",
        "m",
        "m1 nan 0\n1 inf 1\n1 -inf 2\n1 1e-300 -3\n",
        "m5 0.5\n",
        "m1 0.5 0 two words d\n",
        "p",
        "p\u00fc\nlines\0",
        "k1 0.5 0 a\n",
        "k1 nan 0 other\n",
    ]
    for place, text in enumerate(taken):
        yield f"taken_{place:02}", text
    left = ["e", "e\n", "e" + experiment[:-3], "e" + experiment.replace("'1'", "'2'"), "e" + experiment.replace("name: churn", "name: Default")]
    left += ["r" + run[: len(run) // 2], "r" + run + "run_id: a\n", "r- a\n- b\n", "ra: &x 1\nb: *x\n", "r" + "[" * 2000, "r" + "a: {" * 500, "r--- a\n--- b\n"]
    left += ["r" + run.replace("status: 1", "status: one"), "r" + run.replace("run_id: a", "run_id: ../a"), "r%YAML 9.9\n---\na: b\n"]
    left += ["isource_id: ../../x\nsource_type: DATASET\n", "isource_id: none\nsource_type: DATASET\n", "isource_type: [1]\n", "d" + data.replace("digest: d1", "digest: " + "9" * 99)]
    left += ["m1 0.5 0\n2 0.2", "mx y z\n", "m1  0.5\n", "m-1 0.5 0\n", "m1 0.5 0 lonely\n", "m" + "1" * 7000, "k1 0.5 0\n", "k1 0.5 0 a b\n", "p" + "x" * 7000, "p\u202e"]
    for place, text in enumerate(left):
        yield f"left_{place:02}", text
    yield "left_binary", b"m1 0.5 0\n\xff\xfe 1 1\n"
    yield "left_latin", b"pcaf\xe9"


def words():
    """What such files are made of."""
    yield from "experiment_id run_id run_uuid model_id name status source_id source_type DATASET MODEL tags digest profile schema".split()
    yield from [": ", "- ", "'", '"', "|-", ">", "&a ", "*a", "!!str ", "{", "}", "[", "]", "\n", "\n  ", "---\n", "...\n", "%YAML 1.2", "null", "~", "nan", "inf", "1e308"]
