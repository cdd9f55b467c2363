"""Numbers as other numbers."""

from __future__ import annotations

from mlcore.features._base import Transformer

__all__ = ["Binarizer"]


class Binarizer(Transformer):
    """Writes 1 for a number above a threshold and 0 for any other.

    Missing values and infinities are refused. Fitting learns the columns and nothing else.

    Parameters
    ----------
    threshold : float
        The greatest number that becomes 0.

    Notes
    -----
    Numbers are those of scikit-learn's ``Binarizer``.

    Examples
    --------
    >>> from mlcore.features import Binarizer
    >>> Binarizer(threshold=3.0).fit_transform({"visits": [0.0, 3.0, 9.0]}).ravel().tolist()
    [0.0, 0.0, 1.0]
    """

    _input_tags = {"allow_nan": False}

    def __init__(self, *, threshold: float = 0.0) -> None:
        self.threshold = threshold
