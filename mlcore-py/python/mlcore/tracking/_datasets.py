"""Datasets that runs read: by the digest of what they hold."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from mlcore.exceptions import InvalidInputError, InvalidTypeError
from mlcore.features._plan import read_table
from mlcore.tracking._records import Dataset, DatasetInput

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlcore.tracking import table_digest
    from mlcore.typing import Table
else:
    from mlcore._mlcore.tracking import table_digest

#: The label that says what a dataset was read for.
CONTEXT_TAG = "mlflow.data.context"


def dataset(
    data: Table, *, name: str = "dataset", source: str | None = None, targets: str | None = None, digest: str | None = None
) -> Dataset:
    """A dataset of a table, for :func:`mlcore.log_input`.

    Its digest is that of the names of its columns and the values of all its rows, so that the same data is the same dataset whichever
    library it comes from.

    Parameters
    ----------
    data : frame, 2-D array, dict of columns or list of records
        Shape ``(rows, columns)``.
    name : str
        1 to 500 characters.
    source : str, optional
        Where it came from: a path, an address, a query.
    targets : str, optional
        The column that is predicted.
    digest : str, optional
        A digest of your own, 1 to 36 characters. Default: 32 hexadecimal digits of the SHA-256 of what the table holds.

    Raises
    ------
    InvalidInputError
        Where ``targets`` is no column.
    UnsupportedError
        For a table that holds lists or other tables, without a digest.

    Examples
    --------
    >>> from mlcore.tracking import dataset
    >>> train = dataset({"age": [20.0, 40.0], "left": [0, 1]}, name="train", targets="left")
    >>> train.name, len(train.digest)
    ('train', 32)
    """
    table = read_table(data, "fit")
    rows, columns = table.shape
    names = table.column_names
    if targets is not None and targets not in names:
        problem, remedy = f"there is no column {targets!r}", "name one of its columns"
        message = f"describe dataset targets: {problem}; {remedy}"
        raise InvalidInputError(message, operation="describe dataset", subject="targets", problem=problem, remedy=remedy)
    profile: dict[str, Any] = {"num_rows": rows, "num_elements": rows * columns}
    if digest is None:
        profile["sha256"] = table_digest(data)
        digest = profile["sha256"].removeprefix("sha256:")[:32]
    about = {"columns": names, **({"targets": targets} if targets is not None else {})}
    place = json.dumps({"uri": source} if source is not None else {})
    return Dataset(name, digest, "local" if source is None else "uri", place, json.dumps(about), json.dumps(profile))


def content_digest(data: Dataset) -> str | None:
    """The SHA-256 of what a dataset holds, as a registry's lineage takes it, where it is known."""
    try:
        found = json.loads(data.profile or "{}").get("sha256")
    except (ValueError, AttributeError):
        return None
    return found if isinstance(found, str) else None


def dataset_input(data: Any, context: str | None, tags: Mapping[str, str] | None) -> DatasetInput:
    """The use of a dataset: ours, MLflow's, or any table."""
    labels = {str(key): str(value) for key, value in (tags or {}).items()}
    if context:
        labels[CONTEXT_TAG] = str(context)
    return DatasetInput(_described(data), labels)


def _described(data: Any) -> Dataset:
    if isinstance(data, Dataset):
        return data
    # MLflow's datasets describe themselves.
    if hasattr(data, "_to_mlflow_entity") and hasattr(data, "to_dict"):
        found = data.to_dict()
        parts = (found["name"], found["digest"], found["source_type"], found["source"])
        return Dataset(*parts, found.get("schema"), found.get("profile"))
    if data is None or isinstance(data, (str, bytes, int, float)):
        problem = f"a dataset or a table is expected, and it is a {type(data).__name__}"
        remedy = "pass mlcore.tracking.dataset(frame, name=..)"
        message = f"log input dataset: {problem}; {remedy}"
        raise InvalidTypeError(message, operation="log input", subject="dataset", problem=problem, remedy=remedy)
    return dataset(data)
