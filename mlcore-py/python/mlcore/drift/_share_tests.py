"""The tests of shares per bin or category: a class each, as in ``_tests.py``."""

from __future__ import annotations

from typing import Literal

from mlcore.drift import DriftTest

__all__ = ["Bhattacharyya", "Fisher", "GTest", "JensenShannon", "KullbackLeibler", "LInfinity", "TotalVariation", "TwoProportionZ"]


class JensenShannon(DriftTest):
    """The Jensen-Shannon distance of the shares per bin or category, or its square, ``jensen_shannon``: for any column.

    Parameters
    ----------
    bins : int
        The bins of a numeric column, 2 to 1000.
    recipe : {"quantile", "uniform", "evidently", "nannyml"}
        How bins are chosen. The first two have a p-value, and an effect without what chance gives; the others are the
        numbers of Evidently 0.7.23 and NannyML 0.13.1.
    missing_bin : bool
        Whether missing rows are a bin of their own instead of being left out.
    measure : {"distance", "divergence"}
        The distance, as scipy, Evidently and NannyML have it, or its square, the divergence.
    base : float, optional
        The base of the logarithm, above 1. Default: 2 for the recipe ``nannyml``, as there, and ``e`` for the others.

    Examples
    --------
    >>> from mlcore.drift import JensenShannon
    >>> JensenShannon(base=2).compare(["a"] * 50, ["b"] * 50).statistic
    1.0
    """

    def __new__(
        cls,
        *,
        bins: int = 10,
        recipe: Literal["quantile", "uniform", "evidently", "nannyml"] = "quantile",
        missing_bin: bool = False,
        measure: Literal["distance", "divergence"] = "distance",
        base: float | None = None,
    ) -> JensenShannon:
        options = {} if base is None else {"base": base}
        return super().__new__(
            cls, "jensen_shannon", bins=bins, recipe=recipe, missing_bin=missing_bin, measure=measure, **options
        )


class KullbackLeibler(DriftTest):
    """The Kullback-Leibler divergence of the reference's shares from the current ones, ``kullback_leibler``: for any column.

    Parameters
    ----------
    bins : int
        The bins of a numeric column, 2 to 1000.
    recipe : {"quantile", "uniform", "evidently"}
        How bins are chosen. The first two add half a count to each bin, and have a p-value and an effect without what chance
        gives; the last is the number of Evidently 0.7.23.
    missing_bin : bool
        Whether missing rows are a bin of their own instead of being left out.

    Examples
    --------
    >>> from mlcore.drift import KullbackLeibler
    >>> KullbackLeibler(bins=5).compare(range(1000), [i * 0.8 for i in range(1000)]).effect > 0.1
    True
    """

    def __new__(
        cls,
        *,
        bins: int = 10,
        recipe: Literal["quantile", "uniform", "evidently"] = "quantile",
        missing_bin: bool = False,
    ) -> KullbackLeibler:
        return super().__new__(cls, "kullback_leibler", bins=bins, recipe=recipe, missing_bin=missing_bin)


class Bhattacharyya(DriftTest):
    """The Bhattacharyya distance of the shares per bin or category, ``bhattacharyya``: for any column.

    Parameters
    ----------
    bins : int
        The bins of a numeric column, 2 to 1000.
    recipe : {"quantile", "uniform", "evidently", "nannyml", "frouros"}
        How bins are chosen. The first two have a p-value, and an effect without what chance gives; the last is the number of
        frouros 0.9.
    missing_bin : bool
        Whether missing rows are a bin of their own instead of being left out.

    Examples
    --------
    >>> from mlcore.drift import Bhattacharyya
    >>> Bhattacharyya().compare(["a", "b"] * 50, ["a"] * 90 + ["b"] * 10).statistic.__round__(4)
    0.1056
    """

    def __new__(
        cls,
        *,
        bins: int = 10,
        recipe: Literal["quantile", "uniform", "evidently", "nannyml", "frouros"] = "quantile",
        missing_bin: bool = False,
    ) -> Bhattacharyya:
        return super().__new__(cls, "bhattacharyya", bins=bins, recipe=recipe, missing_bin=missing_bin)


class TotalVariation(DriftTest):
    """The share of rows that would have to move to another bin or category, ``total_variation``: for any column.

    Parameters
    ----------
    bins : int
        The bins of a numeric column, 2 to 1000.
    recipe : {"quantile", "uniform", "evidently", "nannyml", "frouros"}
        How bins are chosen. The first two have a p-value, and an effect without what chance gives; the others the bare
        distance in the bins of these libraries.
    missing_bin : bool
        Whether missing rows are a bin of their own instead of being left out.
    permutations : int
        How many times rows are exchanged for the p-value, 99 to 100,000.
    seed : int
        The seed of the exchanges.

    Examples
    --------
    >>> from mlcore.drift import TotalVariation
    >>> TotalVariation().compare(["a", "b"] * 50, ["a"] * 90 + ["b"] * 10).statistic.__round__(4)
    0.4
    """

    def __new__(
        cls,
        *,
        bins: int = 10,
        recipe: Literal["quantile", "uniform", "evidently", "nannyml", "frouros"] = "quantile",
        missing_bin: bool = False,
        permutations: int = 999,
        seed: int = 0,
    ) -> TotalVariation:
        return super().__new__(
            cls,
            "total_variation",
            bins=bins,
            recipe=recipe,
            missing_bin=missing_bin,
            permutations=permutations,
            seed=seed,
        )


class LInfinity(DriftTest):
    """The largest change of the share of a bin or category, ``l_infinity``: for any column.

    Parameters
    ----------
    bins : int
        The bins of a numeric column, 2 to 1000.
    recipe : {"quantile", "uniform", "evidently", "nannyml", "frouros"}
        How bins are chosen. The first two have a p-value, and an effect without what chance gives; the others the bare
        distance, which is that of NannyML 0.13.1 for categories.
    missing_bin : bool
        Whether missing rows are a bin of their own instead of being left out.

    Examples
    --------
    >>> from mlcore.drift import LInfinity
    >>> LInfinity().compare(["a", "b"] * 50, ["a"] * 60 + ["b"] * 40).statistic.__round__(4)
    0.1
    """

    def __new__(
        cls,
        *,
        bins: int = 10,
        recipe: Literal["quantile", "uniform", "evidently", "nannyml", "frouros"] = "quantile",
        missing_bin: bool = False,
    ) -> LInfinity:
        return super().__new__(cls, "l_infinity", bins=bins, recipe=recipe, missing_bin=missing_bin)


class GTest(DriftTest):
    """The G-test of how often each value occurs, ``g_test``: for categories, and numbers with few values.

    Parameters
    ----------
    pool_below : float
        Categories of which fewer rows than this are expected are one row of the table together, and are compared among
        themselves by what chance makes of their counts; 0 for scipy's p-value.
    max_categories : int
        At most so many categories are kept apart; the others are compared like rare ones.
    goodness_of_fit : bool
        Whether the reference's shares are taken as exact, as Evidently does, which alarms too often.

    Examples
    --------
    >>> from mlcore.drift import GTest
    >>> GTest().compare(["a", "b"] * 50, ["a"] * 55 + ["b"] * 45).effect.__round__(3)
    0.05
    """

    def __new__(
        cls, *, pool_below: float = 5.0, max_categories: int = 1000, goodness_of_fit: bool = False
    ) -> GTest:
        return super().__new__(
            cls, "g_test", pool_below=pool_below, max_categories=max_categories, goodness_of_fit=goodness_of_fit
        )


class Fisher(DriftTest):
    """Fisher's exact test of how often one of two values occurs, ``fisher``: for categories, and numbers with two values.

    More than two values are compared one by one with all others.

    Examples
    --------
    >>> from mlcore.drift import Fisher
    >>> Fisher().compare(["no"] * 30, ["no"] * 24 + ["yes"] * 6).pvalue.__round__(4)
    0.0237
    """

    def __new__(cls) -> Fisher:
        return super().__new__(cls, "fisher")


class TwoProportionZ(DriftTest):
    """The z-test of how often one of two values occurs, ``z``: for categories, and numbers with two values.

    More than two values are compared one by one with all others.

    Examples
    --------
    >>> from mlcore.drift import TwoProportionZ
    >>> score = TwoProportionZ().compare(["no"] * 80 + ["yes"] * 20, ["no"] * 65 + ["yes"] * 35)
    >>> score.statistic.__round__(4), score.pvalue.__round__(4)
    (-2.3754, 0.0175)
    """

    def __new__(cls) -> TwoProportionZ:
        return super().__new__(cls, "z")
