"""Fitted transformers of scikit-learn as plans, so that nobody must fit again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from mlcore.exceptions import InvalidTypeError, UnsupportedError
from mlcore.features._plan import Plan, Table, _stored_fields, read_table
from mlcore.features._sklearn._parameters import refusals
from mlcore.features._sklearn._steps import Field, chosen, step_of
from mlcore.features._sklearn._values import OPERATION, refused

if TYPE_CHECKING:
    from mlcore.typing import Table as AnyTable

__all__ = ["from_sklearn"]


def from_sklearn(estimator: Any, X: AnyTable) -> Plan:
    """The plan of a fitted transformer of scikit-learn: what it learnt is read attribute by attribute, and nothing is fitted.

    Parameters
    ----------
    estimator : fitted transformer of scikit-learn
        Any class that ``mlcore.features`` has one of the same name of, and a ``Pipeline``, a ``ColumnTransformer`` or a
        ``FeatureUnion`` of those, with their weights; transformers of ``mlcore.features`` may be among them. For the features
        before a model, pass ``pipeline[:-1]``.
    X : table
        Rows like those that it was fitted on, of which the types of the columns are taken: scikit-learn does not keep them. One
        row is enough where it shows every type; a table of pyarrow or polars needs none. What was fitted on names finds its
        columns by name, and what was fitted on an array by position.

    Returns
    -------
    Plan
        It answers as the estimator's ``transform``, as a dense array of floats.

    Raises
    ------
    NotFittedError
        For an estimator that is not fitted.
    UnsupportedError
        For classes and parameters that there are no equals of; it names all of them.
    InvalidInputError
        For a table that does not fit.

    Notes
    -----
    Everything is computed in float64: where scikit-learn was given float32 and answers in it, a plan has the more exact numbers.
    ``handle_unknown="warn"`` becomes ``"infrequent_if_exist"``, which answers alike and does not warn.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn.preprocessing import StandardScaler
    >>> from mlcore.features import from_sklearn
    >>> frame = pd.DataFrame({"age": [20.0, 40.0]})
    >>> plan = from_sklearn(StandardScaler().fit(frame), frame)
    >>> plan.transform_row({"age": 50.0}).tolist(), plan.feature_names_out
    ([2.0], ['age'])
    """
    problems = refusals(estimator, "")
    if problems:
        problem = "; ".join(problems)
        remedy = "keep what is named here in scikit-learn, or fit the transformers of mlcore.features"
        raise UnsupportedError(
            f"{OPERATION} estimator: {problem}; {remedy}",
            operation=OPERATION,
            subject="estimator",
            problem=problem,
            remedy=remedy,
        )
    _require_fitted(estimator)
    table = _sample(X)
    names, fields, named = _inputs(estimator, table)
    step, _ = step_of(estimator, fields, "")
    return Plan._of_stored(json.dumps(step), names, named)


def _require_fitted(estimator: Any) -> None:
    """Raises scikit-learn's error, which is ours too, for what is not fitted."""
    from sklearn.exceptions import NotFittedError as Theirs  # type: ignore[import-untyped, unused-ignore]
    from sklearn.utils.validation import check_is_fitted  # type: ignore[import-untyped, unused-ignore]

    from mlcore.features._errors import not_fitted_class

    try:
        check_is_fitted(estimator)
    except Theirs as cause:
        name = type(estimator).__name__
        raise not_fitted_class()(
            f"{OPERATION} estimator: this {name} is not fitted yet; call fit with training data first",
            operation=OPERATION,
            subject="estimator",
            problem=f"this {name} is not fitted yet",
            remedy="call fit with training data first",
        ) from cause


def _sample(X: Any) -> Table:
    """The table whose types are taken."""
    if X is None:
        raise refused("X", "scikit-learn keeps no types of columns", "pass a few rows of the training data")
    if hasattr(X, "empty_table"):
        X = X.empty_table()
    if isinstance(X, (list, tuple)) and X and all(isinstance(text, str) for text in X):
        import numpy as np

        X = np.array(X, dtype=object).reshape(-1, 1)
    try:
        return read_table(X, "fit")
    except InvalidTypeError as cause:
        raise InvalidTypeError(
            f"{OPERATION} X: {cause.problem}",
            operation=OPERATION,
            subject="X",
            problem=cause.problem,
            remedy=cause.remedy,
        ) from cause


def _inputs(estimator: Any, table: Table) -> tuple[list[str], list[Field | None], bool]:
    """The names of the columns that it was fitted on, the types of those that it reads, and whether the names are the data's."""
    own = table.column_names
    fitted = getattr(estimator, "feature_names_in_", None)
    count = getattr(estimator, "n_features_in_", None)
    is_nameless = fitted is None and count is None
    if fitted is not None and table._named:
        names = [str(name) for name in fitted]
        missing = [name for name in names if name not in own]
        if missing:
            raise refused("X", f"it lacks the columns {', '.join(missing)}", "pass rows like those that were fitted")
        given = names
    else:
        if fitted is not None:
            names = [str(name) for name in fitted]
        elif count is None:
            # A vectorizer of texts knows nothing of the column that it was given.
            names = own
        else:
            names = [f"x{position}" for position in range(int(count))]
        if len(own) != len(names):
            problem = f"it has {len(own)} columns, and {len(names)} were fitted"
            raise refused("X", problem, "pass rows like those that were fitted")
        given = own
    wanted = chosen(estimator, len(names))
    read = json.loads(_stored_fields(table, {given[position] for position in wanted}))
    types = {field["name"]: field for field in read}
    fields: list[Field | None] = [None] * len(names)
    for position in wanted:
        fields[position] = {**types[given[position]], "name": names[position]}
    return names, fields, table._named if is_nameless else fitted is not None
