"""Transformers whose rows may count differently."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, TypeVar

from mlcore.features._base import Transformer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlcore.typing import ArrayLike
    from mlcore.typing import Table as AnyTable

Own = TypeVar("Own", bound="WeighingTransformer")


class WeighingTransformer(Transformer):
    """The base of the transformers that take weights of rows, and of those that hand them to the transformers inside."""

    #: What scikit-learn's metadata routing hands over; nothing until `set_fit_request` says so.
    _metadata_request: Any

    def fit(
        self: Own,
        X: AnyTable,
        y: object = None,
        sample_weight: ArrayLike | None = None,
        *,
        feature_names: Sequence[str] | None = None,
    ) -> Own:
        """Learns from every column of a table; see :meth:`Transformer.fit`.

        Parameters
        ----------
        X : table
            A frame of pandas, polars or pyarrow, a 2-D array, a dict of columns, a list of records.
        y : array_like, shape (rows,), optional
            What a model is to predict.
        sample_weight : array_like of float, shape (rows,), optional
            How much each row counts; refused by transformers inside that cannot weigh rows.
        feature_names : list of str, optional
            The names of the columns of an array that has none.
        """
        return self._fit(X, y, sample_weight, feature_names)

    def fit_transform(
        self,
        X: AnyTable,
        y: object = None,
        sample_weight: ArrayLike | None = None,
        *,
        feature_names: Sequence[str] | None = None,
    ) -> Any:
        """Learns from a table and transforms it; see :meth:`fit` and :meth:`Transformer.fit_transform`."""
        return self._fit_transform(X, y, sample_weight, feature_names)

    def set_fit_request(self: Own, *, sample_weight: bool | str | None = None) -> Own:
        """Says whether scikit-learn's metadata routing hands weights to ``fit``: yes, no, or under another name.

        Takes effect where ``sklearn.set_config(enable_metadata_routing=True)`` was called.
        """
        request = self.get_metadata_routing()
        request.fit.add_request(param="sample_weight", alias=sample_weight)
        self._metadata_request = request
        return self

    def get_metadata_routing(self) -> Any:
        """What was asked for by :meth:`set_fit_request`, as scikit-learn's ``MetadataRequest``."""
        from sklearn.utils.metadata_routing import MetadataRequest  # type: ignore[import-untyped, unused-ignore]

        if "_metadata_request" in self.__dict__:
            return copy.deepcopy(self._metadata_request)
        request = MetadataRequest(owner=self)
        request.fit.add_request(param="sample_weight", alias=None)
        return request

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "request": self.__dict__.get("_metadata_request")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if state.get("request") is not None:
            self._metadata_request = state["request"]
