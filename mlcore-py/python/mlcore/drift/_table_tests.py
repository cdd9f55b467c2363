"""The tests of whole rows: a class each, whose keywords are the options that a configuration names beside the test."""

from __future__ import annotations

from typing import Any, Literal

from mlcore.drift import TableTest

__all__ = [
    "DomainClassifier",
    "EmbeddingDistance",
    "EmbeddingRatio",
    "PcaReconstruction",
    "TableLsdd",
    "TableMmd",
    "TextClassifier",
    "TextLength",
    "TextVocabulary",
]


def given(**options: Any) -> dict[str, Any]:
    """The options that are not left to the test."""
    return {name: value for name, value in options.items() if value is not None}


class TableMmd(TableTest):
    """The maximum mean discrepancy of whole rows, ``mmd``: for tables of numbers and of vectors, as alibi-detect's ``MMDDrift``.

    Parameters
    ----------
    columns : list of str, optional
        The columns that it reads. Default: every one of numbers or vectors.
    standardise : bool
        Whether columns are divided by their standard deviation in the reference.
    sigma : float, optional
        The kernel's bandwidth. Default: by ``bandwidth``.
    bandwidth : {"median", "evidently"}
        The median heuristic of alibi-detect, or that of Evidently for embeddings.
    estimate : {"quadratic", "linear"}
        All pairs of at most ``max_rows`` rows, or disjoint pairs of all rows with a normal p-value.
    max_rows : int
        At most so many rows of each table enter, drawn with the seed.
    permutations : int
        How many times rows are exchanged for the p-value; 0 for none.
    seed : int
        The seed of the random numbers.
    minimum_effect : float
        The smallest effect that counts as drift, from 0 to 1.

    Examples
    --------
    >>> from mlcore.drift import TableMmd
    >>> reference = {"a": list(range(200)), "b": list(range(200))}
    >>> TableMmd().compare(reference, reference).effect
    0.0
    """

    def __new__(
        cls,
        *,
        columns: list[str] | None = None,
        standardise: bool = True,
        sigma: float | None = None,
        bandwidth: Literal["median", "evidently"] = "median",
        estimate: Literal["quadratic", "linear"] = "quadratic",
        max_rows: int = 500,
        permutations: int = 199,
        seed: int = 0,
        minimum_effect: float = 0.1,
    ) -> TableMmd:
        return super().__new__(
            cls,
            "mmd",
            standardise=standardise,
            bandwidth=bandwidth,
            estimate=estimate,
            max_rows=max_rows,
            permutations=permutations,
            seed=seed,
            minimum_effect=minimum_effect,
            **given(columns=columns, sigma=sigma),
        )


class TableLsdd(TableTest):
    """The least-squares density difference of whole rows, ``lsdd``: for tables of numbers and of vectors, as alibi-detect's.

    Parameters
    ----------
    columns : list of str, optional
        The columns that it reads. Default: every one of numbers or vectors.
    standardise : bool
        Whether columns are centred and divided by their standard deviation in the reference.
    sigma : float, optional
        The kernel's bandwidth. Default: the median heuristic.
    regularisation : float, optional
        Lambda. Default: chosen as alibi-detect does.
    n_kernel_centers : int, optional
        How many rows are drawn as the kernel's centres. Default: a twentieth of the reference's, and 20 at least.
    kernel_centers : list of list of float, optional
        The kernel's centres themselves.
    max_rows : int
        At most so many rows of each table enter, drawn with the seed.
    permutations : int
        How many times rows are exchanged for the p-value; 0 for none.
    seed : int
        The seed of the random numbers.
    minimum_effect : float
        The smallest effect that counts as drift, from 0 to 1.

    Examples
    --------
    >>> from mlcore.drift import TableLsdd
    >>> reference = {"a": list(range(200)), "b": list(range(200))}
    >>> TableLsdd().compare(reference, reference).effect
    0.0
    """

    def __new__(
        cls,
        *,
        columns: list[str] | None = None,
        standardise: bool = True,
        sigma: float | None = None,
        regularisation: float | None = None,
        n_kernel_centers: int | None = None,
        kernel_centers: list[list[float]] | None = None,
        max_rows: int = 1000,
        permutations: int = 199,
        seed: int = 0,
        minimum_effect: float = 0.15,
    ) -> TableLsdd:
        return super().__new__(
            cls,
            "lsdd",
            standardise=standardise,
            max_rows=max_rows,
            permutations=permutations,
            seed=seed,
            minimum_effect=minimum_effect,
            **given(
                columns=columns,
                sigma=sigma,
                regularisation=regularisation,
                n_kernel_centers=n_kernel_centers,
                kernel_centers=kernel_centers,
            ),
        )


class DomainClassifier(TableTest):
    """A classifier that tells the rows of two tables apart, ``domain_classifier``: for numbers, vectors and categories.

    The statistic is the area under its ROC curve for rows that it did not learn from, with DeLong's interval in the notes.

    Parameters
    ----------
    columns : list of str, optional
        The columns that it reads. Default: every one of numbers, vectors, text or bools.
    model : {"forest", "linear"}
        A random forest, or logistic regression, which sees small shifts of many components.
    trees : int
        The trees of each fold's forest.
    folds : int
        How many models are trained, each without one part of the rows.
    max_rows : int
        At most so many rows of each table enter, drawn with the seed.
    seed : int
        The seed of the random numbers.
    minimum_effect : float
        The smallest effect that counts as drift: 0.3 is an area of 0.65, as in NannyML.

    Examples
    --------
    >>> from mlcore.drift import DomainClassifier
    >>> reference = {"a": list(range(100)), "plan": ["free", "pro"] * 50}
    >>> current = {"a": list(range(80, 180)), "plan": ["free", "pro"] * 50}
    >>> score = DomainClassifier().compare(reference, current)
    >>> score.statistic > 0.8, next(iter(score.columns))
    (True, 'a')
    """

    def __new__(
        cls,
        *,
        columns: list[str] | None = None,
        model: Literal["forest", "linear"] = "forest",
        trees: int = 50,
        folds: int = 5,
        max_rows: int = 1000,
        seed: int = 0,
        minimum_effect: float = 0.3,
    ) -> DomainClassifier:
        return super().__new__(
            cls,
            "domain_classifier",
            model=model,
            trees=trees,
            folds=folds,
            max_rows=max_rows,
            seed=seed,
            minimum_effect=minimum_effect,
            **given(columns=columns),
        )


class PcaReconstruction(TableTest):
    """How well the reference's principal components reconstruct rows, ``pca_reconstruction``: NannyML's data reconstruction.

    Parameters
    ----------
    columns : list of str, optional
        The columns that it reads. Default: every one of numbers, vectors, text or bools.
    n_components : float
        The share of the variance that the kept components explain, below 1; or how many are kept.
    impute : bool
        Whether what is missing becomes the mean or the most frequent category, as in NannyML; otherwise rows are left out.
    within : bool
        Whether changes along the kept components count, too, which NannyML does not see.
    chunks : int
        The chunks of NannyML's band.
    seed : int
        The seed of the random numbers.
    minimum_effect : float
        The smallest effect that counts as drift, in standard deviations of the reference's rows.

    Examples
    --------
    >>> from mlcore.drift import PcaReconstruction
    >>> reference = {"a": list(range(100)), "b": [2 * i for i in range(100)]}
    >>> PcaReconstruction().compare(reference, {"a": list(range(100)), "b": list(range(200, 0, -2))}).effect > 1
    True
    """

    def __new__(
        cls,
        *,
        columns: list[str] | None = None,
        n_components: float = 0.65,
        impute: bool = False,
        within: bool = True,
        chunks: int = 10,
        seed: int = 0,
        minimum_effect: float = 0.2,
    ) -> PcaReconstruction:
        return super().__new__(
            cls,
            "pca_reconstruction",
            n_components=n_components,
            impute=impute,
            within=within,
            chunks=chunks,
            seed=seed,
            minimum_effect=minimum_effect,
            **given(columns=columns),
        )


class EmbeddingDistance(TableTest):
    """How far the mean embedding moved, ``embedding_distance``: for columns of vectors, or of a number per component.

    Parameters
    ----------
    columns : list of str, optional
        The columns that it reads. Default: every one of vectors, or where there is none of numbers.
    metric : {"euclidean", "cosine", "cityblock", "chebyshev"}
        How the mean vectors are compared, as in scipy.
    max_rows : int
        At most so many rows of each table enter, drawn with the seed.
    permutations : int
        How many times rows are exchanged for the p-value; 0 for none.
    seed : int
        The seed of the random numbers.
    minimum_effect : float
        The smallest distance that counts as drift; 0.2 is Evidently's.

    Examples
    --------
    >>> from mlcore.drift import EmbeddingDistance
    >>> EmbeddingDistance().compare({"x": [0.0, 1.0], "y": [0.0, 1.0]}, {"x": [3.0, 4.0], "y": [4.0, 5.0]}).statistic
    5.0
    """

    def __new__(
        cls,
        *,
        columns: list[str] | None = None,
        metric: Literal["euclidean", "cosine", "cityblock", "chebyshev"] = "euclidean",
        max_rows: int = 5000,
        permutations: int = 199,
        seed: int = 0,
        minimum_effect: float = 0.2,
    ) -> EmbeddingDistance:
        return super().__new__(
            cls,
            "embedding_distance",
            metric=metric,
            max_rows=max_rows,
            permutations=permutations,
            seed=seed,
            minimum_effect=minimum_effect,
            **given(columns=columns),
        )


class EmbeddingRatio(TableTest):
    """The share of components of embeddings that drifted, ``embedding_ratio``: for columns of vectors, or of numbers.

    Parameters
    ----------
    columns : list of str, optional
        The columns that it reads. Default: every one of vectors, or where there is none of numbers.
    component_test : {"wasserstein", "ks"}
        How one component is compared: the Wasserstein distance in standard deviations, or Kolmogorov and Smirnov's test.
    component_threshold : float
        The least distance, or the p-value below which a component drifted.
    max_rows : int
        At most so many rows of each table enter, drawn with the seed.
    permutations : int
        How many times rows are exchanged for the p-value; 0 for none.
    seed : int
        The seed of the random numbers.
    minimum_effect : float
        The smallest share that counts as drift; 0.2 is Evidently's.

    Examples
    --------
    >>> from mlcore.drift import EmbeddingRatio
    >>> reference = {"x": list(range(100)), "y": list(range(100))}
    >>> EmbeddingRatio().compare(reference, {"x": list(range(100)), "y": list(range(50, 150))}).statistic
    0.5
    """

    def __new__(
        cls,
        *,
        columns: list[str] | None = None,
        component_test: Literal["wasserstein", "ks"] = "wasserstein",
        component_threshold: float = 0.1,
        max_rows: int = 1000,
        permutations: int = 199,
        seed: int = 0,
        minimum_effect: float = 0.2,
    ) -> EmbeddingRatio:
        return super().__new__(
            cls,
            "embedding_ratio",
            component_test=component_test,
            component_threshold=component_threshold,
            max_rows=max_rows,
            permutations=permutations,
            seed=seed,
            minimum_effect=minimum_effect,
            **given(columns=columns),
        )


class TextLength(TableTest):
    """How long texts are, in characters, ``text_length``: for columns of text.

    Parameters
    ----------
    columns : list of str, optional
        The columns that it reads. Default: every one of text.
    minimum_effect : float
        The smallest effect that counts as drift, the D of Kolmogorov and Smirnov.

    Examples
    --------
    >>> from mlcore.drift import TextLength
    >>> TextLength().compare({"text": ["a", "bb"] * 50}, {"text": ["bb", "bb"] * 50}).effect
    0.5
    """

    def __new__(cls, *, columns: list[str] | None = None, minimum_effect: float = 0.1) -> TextLength:
        return super().__new__(cls, "text_length", minimum_effect=minimum_effect, **given(columns=columns))


class TextVocabulary(TableTest):
    """The share of words that the reference does not have, ``text_vocabulary``: for columns of text.

    Parameters
    ----------
    columns : list of str, optional
        The columns that it reads. Default: every one of text.
    max_rows : int
        At most so many texts of each table enter, drawn with the seed.
    permutations : int
        How many times rows are exchanged for the p-value; 0 for none.
    seed : int
        The seed of the random numbers.
    minimum_effect : float
        The smallest effect that counts as drift: 0.05 is one word in twenty.

    Examples
    --------
    >>> from mlcore.drift import TextVocabulary
    >>> score = TextVocabulary().compare({"text": ["good food"] * 20}, {"text": ["good comida"] * 20})
    >>> score.statistic, score.notes[0]
    (0.5, 'new words, 1 of them: "comida"')
    """

    def __new__(
        cls,
        *,
        columns: list[str] | None = None,
        max_rows: int = 5000,
        permutations: int = 199,
        seed: int = 0,
        minimum_effect: float = 0.05,
    ) -> TextVocabulary:
        return super().__new__(
            cls,
            "text_vocabulary",
            max_rows=max_rows,
            permutations=permutations,
            seed=seed,
            minimum_effect=minimum_effect,
            **given(columns=columns),
        )


class TextClassifier(TableTest):
    """A classifier of character n-grams that tells texts of two tables apart, ``text_classifier``: for columns of text.

    The statistic is the area under its ROC curve for texts that it did not learn from, with DeLong's interval in the notes.

    Parameters
    ----------
    columns : list of str, optional
        The columns that it reads. Default: every one of text.
    ngram : int
        How many characters are counted together.
    folds : int
        How many models are trained, each without one part of the texts.
    max_rows : int
        At most so many texts of each table enter, drawn with the seed.
    seed : int
        The seed of the random numbers.
    minimum_effect : float
        The smallest effect that counts as drift: 0.1 is an area of 0.55, as in Evidently.

    Examples
    --------
    >>> from mlcore.drift import TextClassifier
    >>> TextClassifier().compare({"text": ["the colour"] * 20}, {"text": ["the color"] * 20}).statistic
    1.0
    """

    def __new__(
        cls,
        *,
        columns: list[str] | None = None,
        ngram: int = 3,
        folds: int = 5,
        max_rows: int = 2000,
        seed: int = 0,
        minimum_effect: float = 0.1,
    ) -> TextClassifier:
        return super().__new__(
            cls,
            "text_classifier",
            ngram=ngram,
            folds=folds,
            max_rows=max_rows,
            seed=seed,
            minimum_effect=minimum_effect,
            **given(columns=columns),
        )
