"""What all transformers share: scikit-learn's protocol around a plan that runs in Rust."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

from mlcore.exceptions import InvalidTypeError, NotFittedError
from mlcore.features._errors import not_fitted_class, refused
from mlcore.features._output import as_csr, as_pandas, as_polars
from mlcore.features._plan import Plan, Table, _diagram, fit, fit_transform, read_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

    from mlcore.typing import ArrayLike, Row
    from mlcore.typing import Table as AnyTable

Own = TypeVar("Own", bound="Transformer")

#: A transformer's class and parameters, as Rust reads them.
Specification = tuple[str, dict[str, Any]]
#: A transformer's class and parameters, and what stands above each transformer inside it.
Diagram = tuple[str, str, "list[tuple[str, Diagram]]"]


class Transformer:
    """The base of every transformer: scikit-learn's methods around a plan.

    Parameters are keyword arguments of the constructor and attributes of the object, unchanged; what was learnt has names
    that end in an underscore.
    """

    #: The number of columns seen by ``fit``.
    n_features_in_: int
    #: Their names; absent where the data had none.
    feature_names_in_: npt.NDArray[np.object_]

    _fitted_plan: Plan | None = None
    _learnt: tuple[str, ...] = ()
    #: What was asked for by `set_output`; where nothing was, scikit-learn's configuration counts.
    _output: Literal["default", "pandas", "polars"] | None = None
    #: What data scikit-learn's checks may send, beyond finite numbers.
    _input_tags: dict[str, bool] = {"allow_nan": True, "string": True, "categorical": True}
    #: What fitting learnt that is not in the plan.
    _beside: tuple[str, ...] = ()
    #: Whether it learns from the target, and does not learn without one.
    _needs_target: bool = False
    #: Whether that target must have two classes.
    _needs_two_classes: bool = False

    def fit(
        self: Own,
        X: AnyTable,
        y: object = None,
        *,
        feature_names: Sequence[str] | None = None,
    ) -> Own:
        """Learns from every column of a table.

        Parameters
        ----------
        X : table
            A frame of pandas, polars or pyarrow, a 2-D array, a dict of columns, a list of records.
        y : array_like, shape (rows,), optional
            What a model is to predict. Transformers that learn without it take no notice of it, whatever it is.
        feature_names : list of str, optional
            The names of the columns of an array that has none.

        Returns
        -------
        self

        Raises
        ------
        InvalidInputError
            For a table without rows, a parameter or a value that is refused; it names the column and the row.
        InvalidTypeError
            For an object that is no table, or a column of a type that is not taken: durations, bytes, lists.
        """
        return self._fit(X, y, None, feature_names)

    def transform(self, X: AnyTable, *, threads: int | None = None) -> Any:
        """The features of a table.

        Columns are found by name, in any order; an array without names is read by position.

        Parameters
        ----------
        X : table
            As for ``fit``.
        threads : int, optional
            On how many threads the rows are shared out; one by default. The answer has the same bits on any number of them.

        Returns
        -------
        ndarray of float, shape (rows, features)
            Or a sparse matrix of scipy, where ``sparse_output`` says so, or a frame, as :meth:`set_output` says. Objects where
            text, dates or times pass through: those of ``datetime``, in UTC where the column has a time zone.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        SchemaMismatchError
            For a column that is missing or of another type.
        InvalidInputError
            For a value that a step refuses, with its column and row.
        """
        plan, table = self.plan(), read_table(X, "transform")
        self._require_width(plan, table)
        return self._transformed(plan, table, X, threads)

    def fit_transform(
        self,
        X: AnyTable,
        y: object = None,
        *,
        feature_names: Sequence[str] | None = None,
    ) -> Any:
        """Learns from a table and transforms it. As ``fit`` and ``transform``, reading the table once; encoders that learn from
        a target keep each row's own target out of the row's features.
        """
        return self._fit_transform(X, y, None, feature_names)

    def inverse_transform(self, X: AnyTable) -> Any:
        """Turns features back into columns, as far as they tell.

        Parameters
        ----------
        X : table
            What ``transform`` answered: an array, or a frame with the names of the features.

        Returns
        -------
        ndarray, shape (rows, columns)
            Or a frame, as :meth:`set_output` says: numbers as floats, bins as their centres, an unknown category as missing.

        Raises
        ------
        UnsupportedError
            For a ColumnTransformer, a FeatureUnion, and for a SimpleImputer without indicators.
        InvalidInputError
            For features that no category or bin has.
        """
        if hasattr(X, "toarray"):
            # A sparse matrix of scipy.
            X = X.toarray()
        table = self.plan().inverse_transform(X)
        return table.to_numpy() if self._output_kind() == "default" else self._framed(table, X)

    def transform_row(self, row: Row, *, strict: bool = False) -> npt.NDArray[np.float64]:
        """The features of a single record, an array of shape ``(features,)``; see :meth:`Plan.transform_row`."""
        return self.plan().transform_row(row, strict=strict)

    def transform_row_sparse(self, row: Row, *, strict: bool = False) -> Any:
        """The features of a single record as a sparse matrix of one row; see :meth:`Plan.transform_row_sparse`."""
        return self.plan().transform_row_sparse(row, strict=strict)

    def plan(self) -> Plan:
        """What was learnt, as a plan: serialisable, hashed, and run by Rust services.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        """
        if self._fitted_plan is None:
            raise self._not_fitted("plan")
        return self._fitted_plan

    @property
    def plan_hash(self) -> str:
        """The SHA-256 of what was learnt: equal wherever the same was learnt."""
        return self.plan().plan_hash

    def to_bytes(self) -> bytes:
        """The plan as bytes, for :meth:`Plan.from_bytes` and for Rust."""
        return self.plan().to_bytes()

    def get_feature_names_out(self, input_features: Sequence[str] | None = None) -> npt.NDArray[np.object_]:
        """The names of the features.

        Parameters
        ----------
        input_features : list of str, optional
            The names of the columns, for a transformer that was fitted on data without names. Otherwise they must be
            those that were fitted.
        """
        import numpy as np

        plan = self.plan()
        names = plan.feature_names_out
        if input_features is not None:
            given, own = [str(name) for name in input_features], plan.feature_names_in
            if len(given) != len(own):
                problem = f"input_features should have length equal to n_features_in_: {len(given)} names for {len(own)} columns"
                raise refused("get_feature_names_out", problem, "give one per column")
            if plan._named and given != own:
                problem = "input_features is not equal to feature_names_in_, the names that were fitted"
                raise refused("get_feature_names_out", problem, "leave them out")
            if not plan._named:
                names = [_renamed(name, own, given) for name in names]
        return np.array(names, dtype=object)

    def set_output(self: Own, *, transform: Literal["default", "pandas", "polars"] | None = None) -> Own:
        """Chooses what ``transform`` answers with: an array, a frame of pandas or one of polars.

        Without it, ``sklearn.set_config(transform_output=...)`` does, where scikit-learn is used.

        polars has every type that passes through. In pandas, which has no dates, they are midnights (``datetime64[s]``), and
        times of day are objects.
        """
        if transform is not None:
            if transform not in ("default", "pandas", "polars"):
                raise refused("transform", f"{transform!r} is not known", "use default, pandas or polars")
            self._output = transform
        return self

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters by name; with ``deep`` also those of transformers inside, as ``step__parameter``."""
        params = {name: getattr(self, name) for name in self._parameters()}
        if deep:
            for name, inside in self._inside():
                params[name] = inside
                if isinstance(inside, Transformer):
                    params.update({f"{name}__{key}": value for key, value in inside.get_params().items()})
        return params

    def set_params(self: Own, **params: Any) -> Own:
        """Changes parameters by name, those of transformers inside as ``step__parameter``."""
        own, inside = self._parameters(), dict(self._inside())
        for key, value in params.items():
            name, nested, rest = key.partition("__")
            if nested and isinstance(inside.get(name), Transformer):
                cast("Transformer", inside[name]).set_params(**{rest: value})
            elif not nested and key in own:
                setattr(self, key, value)
            elif not nested and key in inside:
                self._replace(key, value)
            else:
                known = ", ".join([*own, *inside])
                raise refused(key, f"{type(self).__name__} has no such parameter", f"use one of {known}")
        return self

    # What subclasses say about themselves.

    def _specification(self, table: Table, X: object) -> Specification:
        """The class and its parameters for Rust; ``table`` is what ``X`` holds."""
        return type(self).__name__, {name: getattr(self, name) for name in self._parameters()}

    def _inside(self) -> list[tuple[str, Any]]:
        """The named transformers inside."""
        return []

    def _replace(self, name: str, transformer: Any) -> None:
        """Puts another transformer in the place of the one of this name."""

    def _learn(self, plan: Plan) -> dict[str, Any]:
        """The fitted attributes."""
        return plan._attributes()

    def _seen(self, table: Table) -> None:
        """Learns what only the features of the training table tell."""

    def _is_sparse(self) -> bool:
        """Whether answers are sparse matrices."""
        return bool(getattr(self, "sparse_output", False))

    # The protocol.

    @classmethod
    def _parameters(cls) -> list[str]:
        code = cls.__init__.__code__
        return list(code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount])

    def _fit(
        self: Own, X: AnyTable, y: object, sample_weight: ArrayLike | None, feature_names: Sequence[str] | None
    ) -> Own:
        table = self._training_table(X, y, feature_names)
        self._adopt(fit(self._specification(table, X), table, y, sample_weight))
        self._seen(table)
        return self

    def _fit_transform(
        self, X: AnyTable, y: object, sample_weight: ArrayLike | None, feature_names: Sequence[str] | None
    ) -> Any:
        table = self._training_table(X, y, feature_names)
        plan, crossed = fit_transform(self._specification(table, X), table, y, sample_weight)
        self._adopt(plan)
        self._seen(table)
        return self._transformed(plan, table, X) if crossed is None else self._answered(crossed, X)

    def _training_table(self, X: AnyTable, y: object, feature_names: Sequence[str] | None) -> Table:
        if self._needs_target and y is None:
            problem = f"{type(self).__name__} requires y to be passed, but the target y is None"
            raise refused("y", problem, "pass the target together with the table", operation="fit")
        table = read_table(X, "fit", feature_names)
        if table.shape[1] == 0:
            problem = f"it has no columns: 0 feature(s) (shape=({len(table)}, 0)) while a minimum of 1 is required"
            raise refused("X", problem, "pass a table with columns", operation="fit")
        return table

    def _require_width(self, plan: Plan, table: Table) -> None:
        """Refuses a table that is read by position and has more or fewer columns than the fitted one."""
        own, given = len(plan.feature_names_in), table.shape[1]
        if given != own and not (table._named and plan._named):
            problem = f"X has {given} features, but {type(self).__name__} is expecting {own} features as input"
            raise refused("X", problem, "pass the columns that were fitted, in their order", operation="transform")

    def _adopt(self, plan: Plan | None) -> None:
        """Becomes fitted with this plan."""
        for name in self._learnt:
            self.__dict__.pop(name, None)
        self._fitted_plan, self._learnt = plan, ()
        if plan is None:
            return
        learnt = {"n_features_in_": len(plan.feature_names_in), **self._learn(plan)}
        if plan._named:
            import numpy as np

            learnt["feature_names_in_"] = np.array(plan.feature_names_in, dtype=object)
        self.__dict__.update(learnt)
        self._learnt = tuple(learnt)

    def _transformed(self, plan: Plan, table: Table, X: object, threads: int | None = None) -> Any:
        if self._is_sparse():
            self._refuse_frame()
            return plan.transform_sparse(table, threads=threads)
        if self._output_kind() == "default":
            return plan.transform(table, threads=threads)
        return self._framed(plan.transform_table(table, threads=threads), X)

    def _refuse_frame(self) -> None:
        kind = self._output_kind()
        if kind != "default":
            raise refused("transform", f"a frame of {kind} is no sparse matrix", "set sparse_output=False, or output to default")

    def _output_kind(self) -> str:
        """What transform answers with."""
        if self._output is not None:
            return self._output
        configuration = getattr(sys.modules.get("sklearn"), "get_config", None)
        return "default" if configuration is None else str(configuration()["transform_output"])

    def _answered(self, table: Table, X: object) -> Any:
        """A table of features in the kind that was asked for."""
        if self._is_sparse():
            self._refuse_frame()
            return as_csr(table)
        return table.to_numpy() if self._output_kind() == "default" else self._framed(table, X)

    def _framed(self, table: Table, X: object) -> Any:
        """A table as a frame."""
        return as_pandas(table, X) if self._output_kind() == "pandas" else as_polars(table)

    def _not_fitted(self, what: str) -> NotFittedError:
        name = type(self).__name__
        return not_fitted_class()(
            f"this {name} instance is not fitted yet; call fit with training data before using {what}",
            operation="use",
            subject=name,
            problem="it is not fitted yet",
            remedy="call fit with training data first",
        )

    def __getattr__(self, name: str) -> Any:
        # Reached only for what is not there.
        if name.endswith("_") and not name.startswith("_") and self._fitted_plan is None:
            raise self._not_fitted(name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __sklearn_is_fitted__(self) -> bool:
        return self._fitted_plan is not None

    def __sklearn_tags__(self) -> Any:
        # Called by scikit-learn only, which is there then.
        import sklearn.utils as tags  # type: ignore[import-untyped, unused-ignore]

        return tags.Tags(
            estimator_type="transformer",
            target_tags=tags.TargetTags(required=self._needs_target),
            transformer_tags=tags.TransformerTags(),
            input_tags=tags.InputTags(**self._input_tags),
            classifier_tags=tags.ClassifierTags(multi_class=False) if self._needs_two_classes else None,
        )

    def __getstate__(self) -> dict[str, Any]:
        return {
            "params": self.get_params(deep=False),
            "plan": self._fitted_plan,
            "output": self._output,
            "beside": {name: self.__dict__[name] for name in self._beside if name in self.__dict__},
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state["params"])  # type: ignore[misc]
        self._output = state["output"]
        self._adopt(state["plan"])
        self.__dict__.update(state.get("beside", {}))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(self._changed())})"

    def _changed(self, *left_out: str) -> list[str]:
        """The parameters that differ from their defaults, as they are written in a call."""
        constructor = type(self).__init__
        defaults = dict(constructor.__kwdefaults__ or {})
        return [
            f"{name}={value!r}"
            for name, value in self.get_params(deep=False).items()
            if name not in left_out and (name not in defaults or not _same(value, defaults[name]))
        ]

    def _repr_html_(self) -> str:
        return _diagram("Not fitted" if self._fitted_plan is None else "Fitted", self._diagram())

    def _diagram(self) -> Diagram:
        """The transformer as boxes in boxes."""
        return type(self).__name__, ", ".join(self._changed()), []


def cloned(value: Any) -> Any:
    """The same parameters, not fitted."""
    if isinstance(value, Transformer):
        copy = type(value)(**{name: cloned(inside) for name, inside in value.get_params(deep=False).items()})
        copy._output = value._output
        return copy
    if isinstance(value, (list, tuple)):
        return type(value)(cloned(inside) for inside in value)
    return value


def inner_diagram(transformer: object) -> Diagram:
    """A transformer inside another, as boxes."""
    return transformer._diagram() if isinstance(transformer, Transformer) else (str(transformer), "", [])


def inner_specification(name: str, transformer: object, table: Table, X: object) -> Specification:
    """The specification of a transformer inside another."""
    if isinstance(transformer, Transformer):
        return transformer._specification(table, X)
    if transformer == "passthrough":
        return "Passthrough", {}
    if transformer == "drop":
        return "Drop", {}
    kind = type(transformer)
    raise InvalidTypeError(
        f"fit {name}: a transformer of mlcore.features is expected, and it is a {kind.__module__}.{kind.__qualname__}; "
        "put mlcore's transformers into a pipeline of scikit-learn to combine both",
        operation="fit",
        subject=name,
        problem="it is no transformer of mlcore.features",
        remedy="put mlcore's transformers into a pipeline of scikit-learn to combine both",
    )


def _renamed(name: str, own: list[str], given: list[str]) -> str:
    """A feature's name with the given name of the column that it was made of: ``x1_free`` becomes ``plan_free``."""
    factors = [factor.partition("^") for factor in name.split(" ")]
    if all(column in own for column, _, _ in factors):
        # A product of columns, or one column as it is.
        return " ".join(given[own.index(column)] + power + degree for column, power, degree in factors)
    head, column = ("missingindicator_", name[17:]) if name.startswith("missingindicator_") else ("", name)
    for old, new in sorted(zip(own, given), key=lambda pair: -len(pair[0])):
        if column == old or column.startswith(f"{old}_"):
            return f"{head}{new}{column[len(old):]}"
    return name


def _same(value: object, default: object) -> bool:
    both_nan = value != value and default != default
    return both_nan or (type(value) is type(default) and bool(value == default))
