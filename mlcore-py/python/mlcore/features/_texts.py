"""Texts as numbers."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import TYPE_CHECKING, Any, Literal

from mlcore.features._base import Specification
from mlcore.features._partial import PartialTransformer

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
    import numpy.typing as npt

    from mlcore.features._plan import Plan, Table

__all__ = ["CountVectorizer", "FeatureHasher", "HashingVectorizer", "TfidfVectorizer"]


class _Sparse(PartialTransformer):
    """What gives sparse answers where it is asked for them."""

    sparse_output: bool

    def _specification(self, table: Table, X: object) -> Specification:
        name, parameters = super()._specification(table, X)
        del parameters["sparse_output"]
        return name, parameters


class HashingVectorizer(_Sparse):
    """Counts the tokens of a text by their hashes: a vocabulary is neither learnt nor stored.

    Takes columns of text, each with features of its own. A missing text is refused. The result is dense unless it is
    asked for sparse.

    Parameters
    ----------
    strip_accents : {"ascii", "unicode"}, optional
        Take accents off letters, and leave out what is not of ASCII then, or only the accents.
    lowercase : bool
        Whether texts are read in small letters.
    stop_words : "english" or list of str, optional
        Words that are left out: those of scikit-learn's list for English, or these.
    token_pattern : str
        What a word is: the default, two letters or more; ``\\b\\w+\\b``; ``\\b\\w{3,}\\b`` and its like; or ``\\S+``. Other regular
        expressions are refused.
    ngram_range : tuple of int
        The shortest and the longest run of words, or of characters, that is a token.
    analyzer : {"word", "char", "char_wb"}
        What a text is cut into: words, characters, or characters within words.
    n_features : int
        The number of features of each column, from 1 to ``2**20``, which is scikit-learn's default, for its sparse rows.
    binary : bool
        Whether a token counts once in a text, however often it is there.
    norm : {"l1", "l2"} or None
        By which norm the features of a text are divided.
    alternate_sign : bool
        Whether a hash also says whether a token is added or taken away.
    sparse_output : bool
        Whether answers are sparse matrices (CSR) of scipy, made without dense ones, as scikit-learn's always are.

    Notes
    -----
    Numbers are those of scikit-learn's ``HashingVectorizer``. Features are named ``hashingvectorizer0`` and on; of several
    columns, behind the column's name and ``__``.

    Examples
    --------
    >>> from mlcore.features import HashingVectorizer
    >>> hashing = HashingVectorizer(n_features=4, norm=None)
    >>> hashing.fit_transform({"note": ["to be or not to be", ""]}).tolist()
    [[1.0, 0.0, -2.0, 3.0], [0.0, 0.0, 0.0, 0.0]]
    """

    _input_tags = {"allow_nan": False, "string": True, "two_d_array": False}

    def __init__(
        self,
        *,
        strip_accents: Literal["ascii", "unicode"] | None = None,
        lowercase: bool = True,
        stop_words: Literal["english"] | Sequence[str] | None = None,
        token_pattern: str = r"(?u)\b\w\w+\b",
        ngram_range: tuple[int, int] = (1, 1),
        analyzer: Literal["word", "char", "char_wb"] = "word",
        n_features: int = 1024,
        binary: bool = False,
        norm: Literal["l1", "l2"] | None = "l2",
        alternate_sign: bool = True,
        sparse_output: bool = False,
    ) -> None:
        self.strip_accents = strip_accents
        self.lowercase = lowercase
        self.stop_words = stop_words
        self.token_pattern = token_pattern
        self.ngram_range = ngram_range
        self.analyzer = analyzer
        self.n_features = n_features
        self.binary = binary
        self.norm = norm
        self.alternate_sign = alternate_sign
        self.sparse_output = sparse_output


class FeatureHasher(_Sparse):
    """Adds the values of a row up in few features, by the hashes of their names and texts.

    Categories are neither learnt nor stored. Takes any columns of text and numbers, which make features together. A missing
    value adds nothing; an infinity is refused. The result is dense unless it is
    asked for sparse.

    Parameters
    ----------
    n_features : int
        The number of features, from 1 to ``2**20``, which is scikit-learn's default, for its sparse rows.
    input_type : {"dict", "string"}
        ``dict``: a row is values by the names of their columns. A text is the feature ``column=text``, a number is added to
        the feature of its column. ``string``: a row is tokens, one in each column of text.
    alternate_sign : bool
        Whether a hash also says whether a value is added or taken away.
    sparse_output : bool
        Whether answers are sparse matrices (CSR) of scipy, made without dense ones, as scikit-learn's always are.

    Notes
    -----
    Numbers are those of scikit-learn's ``FeatureHasher`` on rows as dicts, or as lists of tokens. Features are named
    ``featurehasher0`` and on.

    Examples
    --------
    >>> from mlcore.features import FeatureHasher
    >>> hasher = FeatureHasher(n_features=4)
    >>> hasher.fit_transform({"city": ["Rome", "Oslo"], "rooms": [3.0, 0.5]}).tolist()
    [[0.0, -3.0, 0.0, 1.0], [0.0, 0.5, 0.0, 0.0]]
    """

    def __init__(
        self,
        n_features: int = 1024,
        *,
        input_type: Literal["dict", "string"] = "dict",
        alternate_sign: bool = True,
        sparse_output: bool = False,
    ) -> None:
        self.n_features = n_features
        self.input_type = input_type
        self.alternate_sign = alternate_sign
        self.sparse_output = sparse_output


class _Counting(_Sparse):
    """What both transformers that learn a vocabulary do about it."""

    _input_tags = {"allow_nan": False, "string": True, "two_d_array": False}

    def _specification(self, table: Table, X: object) -> Specification:
        name, parameters = super()._specification(table, X)
        return name, {**parameters, "vocabulary": _listed(parameters["vocabulary"])}

    def _learn(self, plan: Plan) -> dict[str, Any]:
        learnt = super()._learn(plan)
        terms = learnt["vocabulary_"]
        learnt["vocabulary_"] = [_numbered(own) for own in terms] if isinstance(terms, list) else _numbered(terms)
        return learnt


def _listed(vocabulary: Any) -> Any:
    """The terms in the order of their features."""
    if isinstance(vocabulary, Mapping):
        return sorted(vocabulary, key=lambda term: vocabulary[term])
    return sorted(vocabulary) if isinstance(vocabulary, Set) else vocabulary


def _numbered(terms: Iterable[str]) -> dict[str, int]:
    return {str(term): position for position, term in enumerate(terms)}


class CountVectorizer(_Counting):
    """One feature per term: how often it is in a text.

    Takes columns of text, each with a vocabulary of its own. A missing text is refused, and a term that fitting has not seen
    counts nowhere. The result is dense unless it is
    asked for sparse.

    Parameters
    ----------
    strip_accents : {"ascii", "unicode"}, optional
        Take accents off letters, and leave out what is not of ASCII then, or only the accents.
    lowercase : bool
        Whether texts are read in small letters.
    stop_words : "english" or list of str, optional
        Words that are left out: those of scikit-learn's list for English, or these.
    token_pattern : str
        What a word is: the default, two letters or more; ``\\b\\w+\\b``; ``\\b\\w{3,}\\b`` and its like; or ``\\S+``. Other regular
        expressions are refused.
    ngram_range : tuple of int
        The shortest and the longest run of words, or of characters, that is a term.
    analyzer : {"word", "char", "char_wb"}
        What a text is cut into: words, characters, or characters within words.
    max_df : int or float
        Terms in more texts, or in a greater share of them, are left out.
    min_df : int or float
        Terms in fewer texts, or in a smaller share of them, are left out.
    max_features : int, optional
        The most terms of each column: those that are there most often, of equally frequent ones the first in the alphabet.
        (Which of these scikit-learn keeps is left open.)
    vocabulary : list, set or dict of str, optional
        The terms, in the order of their features or with their places; otherwise they are learnt.
    binary : bool
        Whether a term counts once in a text, however often it is there.
    sparse_output : bool
        Whether answers are sparse matrices (CSR) of scipy, made without dense ones, as scikit-learn's always are.

    Attributes
    ----------
    vocabulary_ : dict of int
        The place of each term among the features; of several columns, a list of them.

    Notes
    -----
    Numbers are those of scikit-learn's ``CountVectorizer``. Features are named by their terms; of several columns, behind the
    column's name and ``__``.

    Examples
    --------
    >>> from mlcore.features import CountVectorizer
    >>> counts = CountVectorizer()
    >>> counts.fit_transform({"note": ["To be or not to be", "Not now"]}).tolist()
    [[2.0, 1.0, 0.0, 1.0, 2.0], [0.0, 1.0, 1.0, 0.0, 0.0]]
    >>> counts.vocabulary_
    {'be': 0, 'not': 1, 'now': 2, 'or': 3, 'to': 4}
    """

    vocabulary_: dict[str, int] | list[dict[str, int]]

    def __init__(
        self,
        *,
        strip_accents: Literal["ascii", "unicode"] | None = None,
        lowercase: bool = True,
        stop_words: Literal["english"] | Sequence[str] | None = None,
        token_pattern: str = r"(?u)\b\w\w+\b",
        ngram_range: tuple[int, int] = (1, 1),
        analyzer: Literal["word", "char", "char_wb"] = "word",
        max_df: float = 1.0,
        min_df: float = 1,
        max_features: int | None = None,
        vocabulary: Iterable[str] | None = None,
        binary: bool = False,
        sparse_output: bool = False,
    ) -> None:
        self.strip_accents = strip_accents
        self.lowercase = lowercase
        self.stop_words = stop_words
        self.token_pattern = token_pattern
        self.ngram_range = ngram_range
        self.analyzer = analyzer
        self.max_df = max_df
        self.min_df = min_df
        self.max_features = max_features
        self.vocabulary = vocabulary
        self.binary = binary
        self.sparse_output = sparse_output


class TfidfVectorizer(_Counting):
    """One feature per term: how often it is in a text, and the more the fewer texts it is in.

    A term that is in ``d`` of ``n`` texts weighs ``ln((n + 1) / (d + 1)) + 1``, or ``ln(n / d) + 1`` without smoothing. Takes
    columns of text, each with a vocabulary of its own. A missing text is refused, and a term that fitting has not seen counts
    nowhere. The result is dense unless it is
    asked for sparse.

    Parameters
    ----------
    strip_accents : {"ascii", "unicode"}, optional
        Take accents off letters, and leave out what is not of ASCII then, or only the accents.
    lowercase : bool
        Whether texts are read in small letters.
    analyzer : {"word", "char", "char_wb"}
        What a text is cut into: words, characters, or characters within words.
    stop_words : "english" or list of str, optional
        Words that are left out: those of scikit-learn's list for English, or these.
    token_pattern : str
        What a word is: the default, two letters or more; ``\\b\\w+\\b``; ``\\b\\w{3,}\\b`` and its like; or ``\\S+``. Other regular
        expressions are refused.
    ngram_range : tuple of int
        The shortest and the longest run of words, or of characters, that is a term.
    max_df : int or float
        Terms in more texts, or in a greater share of them, are left out.
    min_df : int or float
        Terms in fewer texts, or in a smaller share of them, are left out.
    max_features : int, optional
        The most terms of each column: those that are there most often, of equally frequent ones the first in the alphabet.
        (Which of these scikit-learn keeps is left open.)
    vocabulary : list, set or dict of str, optional
        The terms, in the order of their features or with their places; otherwise they are learnt.
    binary : bool
        Whether a term counts once in a text, however often it is there.
    norm : {"l1", "l2"} or None
        By which norm the features of a text are divided.
    use_idf : bool
        Whether terms weigh the more the fewer texts they are in.
    smooth_idf : bool
        Whether weights are computed as if one more text held every term, so that none is infinite.
    sublinear_tf : bool
        Whether a term that is there ``t`` times counts ``1 + ln(t)``.
    sparse_output : bool
        Whether answers are sparse matrices (CSR) of scipy, made without dense ones, as scikit-learn's always are.

    Attributes
    ----------
    vocabulary_ : dict of int
        The place of each term among the features; of several columns, a list of them.
    idf_ : ndarray of float, or None
        What each term weighs; of several columns, a list of them.

    Notes
    -----
    Numbers are those of scikit-learn's ``TfidfVectorizer``. Features are named by their terms; of several columns, behind the
    column's name and ``__``.

    Examples
    --------
    >>> from mlcore.features import TfidfVectorizer
    >>> weighed = TfidfVectorizer()
    >>> weighed.fit_transform({"note": ["red apple", "red pear"]}).round(3).tolist()
    [[0.815, 0.0, 0.58], [0.0, 0.815, 0.58]]
    >>> weighed.get_feature_names_out().tolist(), weighed.idf_.round(3).tolist()
    (['apple', 'pear', 'red'], [1.405, 1.405, 1.0])
    """

    vocabulary_: dict[str, int] | list[dict[str, int]]
    idf_: npt.NDArray[np.float64] | list[npt.NDArray[np.float64]] | None

    def __init__(
        self,
        *,
        strip_accents: Literal["ascii", "unicode"] | None = None,
        lowercase: bool = True,
        analyzer: Literal["word", "char", "char_wb"] = "word",
        stop_words: Literal["english"] | Sequence[str] | None = None,
        token_pattern: str = r"(?u)\b\w\w+\b",
        ngram_range: tuple[int, int] = (1, 1),
        max_df: float = 1.0,
        min_df: float = 1,
        max_features: int | None = None,
        vocabulary: Iterable[str] | None = None,
        binary: bool = False,
        norm: Literal["l1", "l2"] | None = "l2",
        use_idf: bool = True,
        smooth_idf: bool = True,
        sublinear_tf: bool = False,
        sparse_output: bool = False,
    ) -> None:
        self.strip_accents = strip_accents
        self.lowercase = lowercase
        self.analyzer = analyzer
        self.stop_words = stop_words
        self.token_pattern = token_pattern
        self.ngram_range = ngram_range
        self.max_df = max_df
        self.min_df = min_df
        self.max_features = max_features
        self.vocabulary = vocabulary
        self.binary = binary
        self.norm = norm
        self.use_idf = use_idf
        self.smooth_idf = smooth_idf
        self.sublinear_tf = sublinear_tf
        self.sparse_output = sparse_output
