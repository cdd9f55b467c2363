"""The tests: a class each, whose keywords are the options that a configuration names beside the test."""

from __future__ import annotations

from typing import Literal

from mlcore.drift import DriftTest, TableTest

__all__ = [
    "AndersonDarling",
    "ChiSquare",
    "CramerVonMises",
    "EnergyDistance",
    "EppsSingleton",
    "Hellinger",
    "KolmogorovSmirnov",
    "Kuiper",
    "MannWhitney",
    "MissingRate",
    "NormedWasserstein",
    "Psi",
    "StudentT",
    "TableEnergy",
    "Wasserstein",
    "WelchT",
]


class KolmogorovSmirnov(DriftTest):
    """The two-sample Kolmogorov-Smirnov test, ``ks``: for numbers.

    Parameters
    ----------
    method : {"auto", "exact", "asymp"}
        How the p-value is computed, as in :func:`mlcore.stats.ks_2samp`.
    max_auto_n : int
        Up to this size of the larger sample ``auto`` is exact. As in scipy.
    alternative : {"two-sided", "less", "greater"}
        Which deviations count, in terms of the distribution functions.

    Examples
    --------
    >>> from mlcore.drift import KolmogorovSmirnov
    >>> KolmogorovSmirnov().compare(range(100), range(30, 130)).effect
    0.3
    """

    def __new__(
        cls,
        *,
        method: Literal["auto", "exact", "asymp"] = "auto",
        max_auto_n: int = 10_000,
        alternative: Literal["two-sided", "less", "greater"] = "two-sided",
    ) -> KolmogorovSmirnov:
        return super().__new__(cls, "ks", method=method, max_auto_n=max_auto_n, alternative=alternative)


class ChiSquare(DriftTest):
    """Pearson's chi-square test of how often each value occurs, ``chi_square``: for categories, and numbers with few values.

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
    >>> from mlcore.drift import ChiSquare
    >>> ChiSquare().compare(["a", "b"] * 50, ["a"] * 55 + ["b"] * 45).effect.__round__(3)
    0.05
    """

    def __new__(
        cls, *, pool_below: float = 5.0, max_categories: int = 1000, goodness_of_fit: bool = False
    ) -> ChiSquare:
        return super().__new__(
            cls, "chi_square", pool_below=pool_below, max_categories=max_categories, goodness_of_fit=goodness_of_fit
        )


class Psi(DriftTest):
    """The population stability index, ``psi``: for any column.

    Parameters
    ----------
    bins : int
        The bins of a numeric column, 2 to 1000.
    recipe : {"quantile", "uniform", "evidently"}
        How bins are chosen and empty ones treated, as in :func:`psi`.
    missing_bin : bool
        Whether missing rows are a bin of their own, as in credit scoring, instead of being left out.

    Examples
    --------
    >>> from mlcore.drift import Psi
    >>> Psi(bins=5).compare(range(1000), [i * 0.8 for i in range(1000)]).statistic > 0.25
    True
    """

    def __new__(
        cls,
        *,
        bins: int = 10,
        recipe: Literal["quantile", "uniform", "evidently"] = "quantile",
        missing_bin: bool = False,
    ) -> Psi:
        return super().__new__(cls, "psi", bins=bins, recipe=recipe, missing_bin=missing_bin)


class Hellinger(DriftTest):
    """The Hellinger distance of the shares per bin or category, ``hellinger``: for any column.

    Parameters
    ----------
    bins : int
        The bins of a numeric column, 2 to 1000.
    recipe : {"quantile", "uniform", "evidently", "nannyml", "frouros"}
        How bins are chosen. The first two have a p-value, and an effect without what chance gives; the others are the
        numbers of Evidently 0.7.23, NannyML 0.13.1 and frouros 0.9.
    missing_bin : bool
        Whether missing rows are a bin of their own instead of being left out.

    Examples
    --------
    >>> from mlcore.drift import Hellinger
    >>> Hellinger().compare(["a", "b"] * 50, ["a"] * 55 + ["b"] * 45).statistic.__round__(4)
    0.0354
    """

    def __new__(
        cls,
        *,
        bins: int = 10,
        recipe: Literal["quantile", "uniform", "evidently", "nannyml", "frouros"] = "quantile",
        missing_bin: bool = False,
    ) -> Hellinger:
        return super().__new__(cls, "hellinger", bins=bins, recipe=recipe, missing_bin=missing_bin)


class MissingRate(DriftTest):
    """The test of two shares of missing rows, ``missing_rate``: for any column; monitors and reports make it by themselves.

    Examples
    --------
    >>> from mlcore.drift import MissingRate
    >>> MissingRate().compare([1.0, None] * 50, [1.0] * 100).effect
    0.5
    """

    def __new__(cls) -> MissingRate:
        return super().__new__(cls, "missing_rate")


class CramerVonMises(DriftTest):
    """The two-sample Cramer-von Mises test, ``cramer_von_mises``: for numbers.

    Parameters
    ----------
    method : {"auto_ties", "auto", "exact", "asymptotic"}
        How the p-value is computed, as in :func:`mlcore.stats.cramervonmises_2samp`; ``auto_ties`` allows for equal values,
        of which scipy's methods know nothing.

    Examples
    --------
    >>> from mlcore.drift import CramerVonMises
    >>> CramerVonMises().compare(range(100), range(30, 130)).effect.__round__(3)
    0.268
    """

    def __new__(
        cls, *, method: Literal["auto_ties", "auto", "exact", "asymptotic"] = "auto_ties"
    ) -> CramerVonMises:
        return super().__new__(cls, "cramer_von_mises", method=method)


class AndersonDarling(DriftTest):
    """The Anderson-Darling test of two samples, ``anderson``: for numbers. Tails weigh more.

    Parameters
    ----------
    variant : {"midrank", "right", "continuous"}
        Which of the statistics of Scholz and Stephens is taken; ``midrank`` serves any data.
    method : {"asymptotic", "interpolate", "permutation"}
        How the p-value is computed: from the limit for large samples, from scipy's table, which ends at 0.001, or by exchanging rows.
    n_resamples : int
        How often rows are exchanged.
    seed : int
        The seed of that.

    Examples
    --------
    >>> from mlcore.drift import AndersonDarling
    >>> AndersonDarling().compare(range(100), range(30, 130)).pvalue < 0.001
    True
    """

    def __new__(
        cls,
        *,
        variant: Literal["midrank", "right", "continuous"] = "midrank",
        method: Literal["asymptotic", "interpolate", "permutation"] = "asymptotic",
        n_resamples: int = 9999,
        seed: int = 0,
    ) -> AndersonDarling:
        return super().__new__(cls, "anderson", variant=variant, method=method, n_resamples=n_resamples, seed=seed)


class MannWhitney(DriftTest):
    """The Mann-Whitney U test, ``mannw``: for numbers. It sees whether current values tend to be larger or smaller.

    Parameters
    ----------
    use_continuity : bool
        Whether half a step is taken off the statistic for the normal distribution.
    alternative : {"two-sided", "less", "greater"}
        Which shift counts: ``less``, Evidently's, is a reference of smaller values.
    method : {"auto", "exact", "asymptotic"}
        How the p-value is computed, as in :func:`mlcore.stats.mannwhitneyu`.

    Examples
    --------
    >>> from mlcore.drift import MannWhitney
    >>> MannWhitney().compare(range(100), range(30, 130)).effect
    0.51
    """

    def __new__(
        cls,
        *,
        use_continuity: bool = True,
        alternative: Literal["two-sided", "less", "greater"] = "two-sided",
        method: Literal["auto", "exact", "asymptotic"] = "auto",
    ) -> MannWhitney:
        return super().__new__(cls, "mannw", use_continuity=use_continuity, alternative=alternative, method=method)


class StudentT(DriftTest):
    """Student's t-test of two means, ``t_test``: for numbers of one variance.

    Parameters
    ----------
    alternative : {"two-sided", "less", "greater"}
        Which difference of the reference's mean less the current one counts.

    Examples
    --------
    >>> from mlcore.drift import StudentT
    >>> StudentT().compare(range(100), range(30, 130)).effect.__round__(3)
    1.034
    """

    def __new__(cls, *, alternative: Literal["two-sided", "less", "greater"] = "two-sided") -> StudentT:
        return super().__new__(cls, "t_test", alternative=alternative)


class WelchT(DriftTest):
    """Welch's t-test of two means, ``welch_t_test``: for numbers of any variance.

    Parameters
    ----------
    alternative : {"two-sided", "less", "greater"}
        Which difference of the reference's mean less the current one counts.

    Examples
    --------
    >>> from mlcore.drift import WelchT
    >>> WelchT().compare(range(100), range(30, 130)).effect.__round__(3)
    1.034
    """

    def __new__(cls, *, alternative: Literal["two-sided", "less", "greater"] = "two-sided") -> WelchT:
        return super().__new__(cls, "welch_t_test", alternative=alternative)


class EppsSingleton(DriftTest):
    """The Epps-Singleton test of characteristic functions, ``es``: for numbers, continuous or not.

    Parameters
    ----------
    t : list of float, optional
        Where the functions are compared, in units of one over the semi-interquartile range. Default: 0.4 and 0.8.
    covariance : {"pooled", "separate"}
        Whose covariance the difference is measured by: that of both samples together, or each one's own, as in scipy, which
        rejects too often where one sample is small and the other large.

    Examples
    --------
    >>> from mlcore.drift import EppsSingleton
    >>> EppsSingleton().compare(range(100), range(30, 130)).pvalue < 0.001
    True
    """

    def __new__(
        cls,
        *,
        t: list[float] = [0.4, 0.8],  # noqa: B006, it is not changed
        covariance: Literal["pooled", "separate"] = "pooled",
    ) -> EppsSingleton:
        return super().__new__(cls, "es", t=list(t), covariance=covariance)


class Kuiper(DriftTest):
    """Kuiper's test, ``kuiper``: for numbers, on a line or on a circle.

    Examples
    --------
    >>> from mlcore.drift import Kuiper
    >>> Kuiper().compare(range(100), range(30, 130)).effect.__round__(3)
    0.3
    """

    def __new__(cls) -> Kuiper:
        return super().__new__(cls, "kuiper")


class EnergyDistance(DriftTest):
    """The energy distance of a column, ``ed``: for numbers, in the root of their unit, without a p-value.

    Examples
    --------
    >>> from mlcore.drift import EnergyDistance
    >>> EnergyDistance().compare([0], [2]).effect
    2.0
    """

    def __new__(cls) -> EnergyDistance:
        return super().__new__(cls, "ed")


class Wasserstein(DriftTest):
    """The Wasserstein distance, ``wasserstein_distance``: for numbers, in their unit, without a p-value.

    Examples
    --------
    >>> from mlcore.drift import Wasserstein
    >>> Wasserstein().compare(range(100), range(30, 130)).effect.__round__(6)
    30.0
    """

    def __new__(cls) -> Wasserstein:
        return super().__new__(cls, "wasserstein_distance")


class NormedWasserstein(DriftTest):
    """The Wasserstein distance in standard deviations of the reference, ``wasserstein``, as Evidently has it: for numbers, without a p-value.

    Examples
    --------
    >>> from mlcore.drift import NormedWasserstein
    >>> NormedWasserstein().compare(range(100), range(30, 130)).effect.__round__(3)
    1.039
    """

    def __new__(cls) -> NormedWasserstein:
        return super().__new__(cls, "wasserstein")


class TableEnergy(TableTest):
    """The energy test of whole rows, ``energy``: for tables of numbers. It sees relations between columns that change.

    Parameters
    ----------
    columns : list of str, optional
        The columns that it reads. Default: every numeric one of the reference.
    standardise : bool
        Whether columns are divided by their standard deviation in the reference.
    max_rows : int
        At most so many rows of each table enter, drawn with the seed.
    permutations : int
        How many times rows are exchanged for the p-value; 0 for none.
    seed : int
        The seed of the random numbers.
    minimum_effect : float
        The smallest effect that counts as drift: 0.1 is a fifth of a standard deviation in every column.

    Examples
    --------
    >>> from mlcore.drift import TableEnergy
    >>> reference = {"a": list(range(200)), "b": list(range(200))}
    >>> TableEnergy().compare(reference, reference).effect
    0.0
    """

    def __new__(
        cls,
        *,
        columns: list[str] | None = None,
        standardise: bool = True,
        max_rows: int = 500,
        permutations: int = 199,
        seed: int = 0,
        minimum_effect: float = 0.1,
    ) -> TableEnergy:
        options = {} if columns is None else {"columns": columns}
        return super().__new__(
            cls,
            "energy",
            standardise=standardise,
            max_rows=max_rows,
            permutations=permutations,
            seed=seed,
            minimum_effect=minimum_effect,
            **options,
        )
