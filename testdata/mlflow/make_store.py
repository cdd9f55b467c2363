"""Makes what the tests of import and export read: small stores as the stock client writes them, and what a reader must find.

    python testdata/mlflow/make_store.py [database] [folder] [schema]

- database: `store.sql` and `expected.json`, the statements of an SQLite database
- folder: `mlruns.json` and `expected_mlruns.json`, the files of a folder `mlruns` by their paths
- schema: `mlcore/src/tracking/mlflow/schema.sql`, all tables of a new database and the rows that they begin with

It needs mlflow 3.17.2 (`mlflow-skinny` and its server's packages), as the tests of clients install it. Ids are new each time.
"""

import json
import sqlite3
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "mlcore-serve" / "tests" / "clients"))

import mlflow_store

TABLES = """alembic_version experiments experiment_tags runs params tags metrics datasets inputs input_tags logged_models
logged_model_metrics logged_model_params logged_model_tags""".split()
# The rows that a new database begins with.
FIRST_ROWS = ["alembic_version", "workspaces"]


def main():
    mlflow_store.RUNS = 5
    makers = {"database": database, "folder": mlruns, "schema": schema}
    for name in sys.argv[1:] or makers:
        with tempfile.TemporaryDirectory() as folder:
            makers[name](folder)


def database(folder):
    uri = mlflow_store.write(folder, "sqlite")
    expected = json.dumps(mlflow_store.expected(uri), indent=1, ensure_ascii=False)
    database = sqlite3.connect(Path(folder, "mlflow.db"))
    schema = dict(database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'"))
    lines = [schema[table] + ";" for table in TABLES]
    lines += rows(database, TABLES)
    (HERE / "store.sql").write_text(clean("\n".join(lines) + "\n", folder))
    (HERE / "expected.json").write_text(clean(expected, folder) + "\n")


def mlruns(folder):
    uri = mlflow_store.write(folder, "file")
    expected = json.dumps(mlflow_store.expected(uri), indent=1, ensure_ascii=False)
    root = Path(folder, "mlruns")
    paths = [path for path in sorted(root.rglob("*")) if path.is_file() and "artifacts" not in path.parts]
    files = {path.relative_to(root).as_posix(): path.read_text() for path in paths}
    (HERE / "mlruns.json").write_text(clean(json.dumps(files, indent=1, ensure_ascii=False), folder) + "\n")
    (HERE / "expected_mlruns.json").write_text(clean(expected, folder) + "\n")


def schema(folder):
    mlflow_store.MlflowClient(tracking_uri=f"sqlite:///{folder}/mlflow.db").search_experiments()
    database = sqlite3.connect(Path(folder, "mlflow.db"))
    made = database.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid")
    lines = ["-- Made by testdata/mlflow/make_store.py: the tables of MLflow 3.17.2."]
    lines += [sql + ";" for (sql,) in made] + rows(database, FIRST_ROWS)
    (ROOT / "mlcore/src/tracking/mlflow/schema.sql").write_text("\n".join(lines) + "\n")


def rows(database, tables):
    """The statements that write the rows of these tables."""
    return [line for line in database.iterdump() if line.startswith(tuple(f'INSERT INTO "{table}"' for table in tables))]


def clean(text, folder):
    """The text without a path of the machine that made it."""
    return text.replace(str(Path(folder).resolve()), "/srv/mlflow").replace(str(Path.cwd()), "/srv/cwd")


if __name__ == "__main__":
    main()
