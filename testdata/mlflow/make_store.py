"""Makes store.sql and expected.json: a small store as the stock client writes it, and what a reader must find in it.

    python testdata/mlflow/make_store.py

It needs mlflow 3.17.2 (`mlflow-skinny` and its server's packages), as the tests of clients install it. Ids are new each time.
"""

import json
import sqlite3
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "mlcore-serve" / "tests" / "clients"))

import mlflow_store

TABLES = """alembic_version experiments experiment_tags runs params tags metrics datasets inputs input_tags logged_models
logged_model_metrics logged_model_params logged_model_tags""".split()


def main():
    mlflow_store.RUNS = 5
    with tempfile.TemporaryDirectory() as folder:
        uri = mlflow_store.write(folder, "sqlite")
        expected = json.dumps(mlflow_store.expected(uri), indent=1, ensure_ascii=False)
        database = sqlite3.connect(Path(folder, "mlflow.db"))
        schema = dict(database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'"))
        lines = [schema[table] + ";" for table in TABLES]
        lines += [line for line in database.iterdump() if line.startswith(tuple(f'INSERT INTO "{table}"' for table in TABLES))]
        # No path of the machine that made it.
        clean = lambda text: text.replace(str(Path(folder).resolve()), "/srv/mlflow").replace(str(Path.cwd()), "/srv/cwd")
        (HERE / "store.sql").write_text(clean("\n".join(lines) + "\n"))
        (HERE / "expected.json").write_text(clean(expected) + "\n")


if __name__ == "__main__":
    main()
