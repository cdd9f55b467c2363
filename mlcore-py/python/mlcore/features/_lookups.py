"""Vectors of keys, crosses of columns, and distances on the Earth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from mlcore.exceptions import InvalidInputError
from mlcore.features._base import Specification
from mlcore.features._partial import PartialTransformer

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from mlcore.features._plan import Table

    _Unknown = Literal["error", "return_nan", "zeros", "mean"]

__all__ = ["EmbeddingLookup", "GeoDistanceFeatures", "HashedCrossing"]


class EmbeddingLookup(PartialTransformer):
    """The vector of a column's key, from a table of vectors that is given beforehand.

    Columns are of text where the keys are, and of numbers where the keys are integers. Each is looked up in the same table and
    becomes one feature per number of a vector, named by the column, ``_`` and a number from 0. The table is part of the plan,
    and of its hash.

    Parameters
    ----------
    keys : list of str or of int
        The keys, each once.
    vectors : array_like of float, shape (keys, features)
        The vector of each key. A plan stores single precision where that loses nothing.
    handle_unknown : {"error", "return_nan", "zeros", "mean"}
        What is written for what is no key: it is refused, or NaN, zeros, or the mean of all vectors.
    handle_missing : {"error", "return_nan", "zeros", "mean"}
        The same for a missing value.

    Attributes
    ----------
    embedding_dim_ : int
        How many numbers a vector has.

    Examples
    --------
    >>> from mlcore.features import EmbeddingLookup
    >>> lookup = EmbeddingLookup(["cat", "dog"], [[1.0, 0.5], [3.0, -0.5]], handle_unknown="mean")
    >>> lookup.fit_transform({"pet": ["dog", "newt"]}).tolist()
    [[3.0, -0.5], [2.0, 0.0]]
    >>> lookup.get_feature_names_out().tolist()
    ['pet_0', 'pet_1']
    """

    embedding_dim_: int

    def __init__(
        self,
        keys: Sequence[str] | Sequence[int] | npt.NDArray[Any] | None = None,
        vectors: Sequence[Sequence[float]] | npt.NDArray[Any] | None = None,
        *,
        handle_unknown: _Unknown = "error",
        handle_missing: _Unknown = "error",
    ) -> None:
        self.keys = keys
        self.vectors = vectors
        self.handle_unknown = handle_unknown
        self.handle_missing = handle_missing

    def _specification(self, table: Table, X: object) -> Specification:
        name, parameters = super()._specification(table, X)
        if self.vectors is not None:
            parameters["vectors"] = _packed(self.vectors)
        return name, parameters


def _packed(vectors: Any) -> str:
    """The vectors as a stored plan holds them: their number of features, and their bytes in base64."""
    import base64

    import numpy as np

    try:
        numbers = np.asarray(vectors, dtype="<f8")
        problem = "" if numbers.ndim == 2 else f"they have {numbers.ndim} dimensions, not 2"
    except (TypeError, ValueError) as cause:
        problem = str(cause)
    if problem:
        raise InvalidInputError(
            f"fit vectors: {problem}; give one list of numbers per key, all of one length",
            operation="fit",
            subject="vectors",
            problem=problem,
            remedy="give one list of numbers per key, all of one length",
        )
    return f"{numbers.shape[1]},f8:{base64.b64encode(numbers.tobytes()).decode()}"


class HashedCrossing(PartialTransformer):
    """The bin of the values of several columns together, by a hash: a cross of which nothing is learnt.

    Takes two columns or more, of text, integers, bools and floats. The values of a row are joined into a key that no other row
    has, and the hash of the key, MurmurHash3 of 32 bits with the seed 0, says the bin: its size modulo ``num_bins``.

    Parameters
    ----------
    num_bins : int
        The number of bins, from 1 to 65536.
    output_mode : {"int", "one_hot"}
        One feature, the number of the bin, or one feature per bin.
    handle_missing : {"value", "return_nan", "error"}
        What becomes of a row in which a value is missing: the missing value is a value of its own, the number of the bin is
        NaN, or the row is refused.

    Notes
    -----
    The name and the parameters are those of Keras's ``HashedCrossing``; the hash is that of scikit-learn's ``FeatureHasher``.
    Each column adds to the key: a text the number of its bytes, ``:`` and its bytes in UTF-8; an integer or a bool ``i``, its
    digits and ``;``; a float ``f`` and the 16 hexadecimal digits of its bits; a missing value ``n``.

    Examples
    --------
    >>> from mlcore.features import HashedCrossing
    >>> cross = HashedCrossing(num_bins=100)
    >>> cross.fit_transform({"city": ["Oslo", "Rome", "Oslo"], "hour": [7, 7, 7]}).ravel().tolist()
    [91.0, 20.0, 91.0]
    >>> cross.get_feature_names_out().tolist()
    ['city_X_hour']
    """

    def __init__(
        self,
        num_bins: int = 1024,
        *,
        output_mode: Literal["int", "one_hot"] = "int",
        handle_missing: Literal["value", "return_nan", "error"] = "value",
    ) -> None:
        self.num_bins = num_bins
        self.output_mode = output_mode
        self.handle_missing = handle_missing


class GeoDistanceFeatures(PartialTransformer):
    """The distance of two points on the Earth, which four columns give in degrees.

    The Earth is a sphere with a radius of 6371 km. Missing values and infinities are refused.

    Parameters
    ----------
    lat1, lon1, lat2, lon2 : str, optional
        The columns of the latitude and the longitude of each point; by default the first four of the table, in this order.
    method : {"haversine", "euclidean", "manhattan"}
        Along the great circle, or by the differences of the degrees, of 111 km each, squared or added.
    output_unit : {"km", "miles", "meters", "feet"}
        What the distance is counted in.
    output_col : str
        The name of the distance.
    drop_original : bool
        Whether the four columns are left out.
    validate_ranges : bool
        Whether latitudes beyond 90 and longitudes beyond 180 degrees are refused.

    Attributes
    ----------
    variables_ : ndarray of str
        The four columns.

    Notes
    -----
    Numbers are those of feature-engine's ``GeoDistanceFeatures``; here ranges are checked by ``transform`` too.

    Examples
    --------
    >>> from mlcore.features import GeoDistanceFeatures
    >>> geo = GeoDistanceFeatures(drop_original=True)
    >>> geo.fit_transform({"a": [59.91], "b": [10.75], "c": [41.89], "d": [12.49]}).round().tolist()
    [[2007.0]]
    """

    variables_: npt.NDArray[Any]

    def __init__(
        self,
        lat1: str | None = None,
        lon1: str | None = None,
        lat2: str | None = None,
        lon2: str | None = None,
        *,
        method: Literal["haversine", "euclidean", "manhattan"] = "haversine",
        output_unit: Literal["km", "miles", "meters", "feet"] = "km",
        output_col: str = "geo_distance",
        drop_original: bool = False,
        validate_ranges: bool = True,
    ) -> None:
        self.lat1 = lat1
        self.lon1 = lon1
        self.lat2 = lat2
        self.lon2 = lon2
        self.method = method
        self.output_unit = output_unit
        self.output_col = output_col
        self.drop_original = drop_original
        self.validate_ranges = validate_ranges
