"""Has the data changed, and how sure are we: drift tests, reports, monitors and stream detectors.

>>> from mlcore import drift
>>> reference = {"age": [20 + i % 40 for i in range(500)], "plan": ["free", "pro"] * 250}
>>> current = {"age": [35 + i % 40 for i in range(500)], "plan": ["free", "pro"] * 250}
>>> report = drift.report(reference, current)
>>> report.drifted, report.drifted_columns
(True, ['age'])
"""

from mlcore._mlcore.drift import *
from mlcore._mlcore.drift import _baseline, _psi, _report
from mlcore.drift._share_tests import *
from mlcore.drift._streams import *
from mlcore.drift._streams_river import *
from mlcore.drift._table_tests import *
from mlcore.drift._tests import *


class PsiResult(float):
    """The population stability index: a number, with what is known about it.

    Attributes
    ----------
    psi : float
        The number itself. By custom less than 0.1 is stable and more than 0.25 a major change.
    psi_corrected : float
        Less what chance gives on average: compare this one where samples are small.
    pvalue : float or None
        The probability of such an index if nothing changed; ``None`` for Evidently's recipe.
    dof : int
        Bins or categories that either sample reaches, less one.
    edges : list of float
        The edges of numeric bins; empty where categories were compared.
    categories : list of str
        The categories that were compared; empty where the bins are numeric.
    reference_share, current_share : list of float
        The share of each sample in each bin or category.
    notes : list of str
        What a reader of the numbers should know.
    """

    def __new__(cls, psi, **found):
        """A number with these attributes."""
        result = super().__new__(cls, psi)
        result.psi = float(psi)
        result.__dict__.update(found)
        return result

    def __getnewargs_ex__(self):
        found = dict(self.__dict__)
        return (found.pop("psi"),), found

    def __repr__(self):
        return f"PsiResult({self.psi!r}, psi_corrected={self.psi_corrected!r}, pvalue={self.pvalue!r}, dof={self.dof})"


def psi(reference, current, bins=10, *, recipe="quantile", missing_bin=False, kind=None):
    """The population stability index of two samples of a column.

    Parameters
    ----------
    reference, current : array_like, 1-D
        The samples: numbers, or text and bools, which are compared as categories. Missing values are left out.
    bins : int
        The bins of a numeric column, 2 to 1000; ties can make them fewer.
    recipe : {"quantile", "uniform", "evidently"}
        Bins that hold equal shares of the reference, bins of equal width over it, or the recipe of Evidently 0.7.23, digit
        by digit. The first two add half a count to each bin, so that an empty one has no epsilon to depend on.
    missing_bin : bool
        Whether missing rows are a bin of their own, as in credit scoring, instead of being left out.
    kind : {"numeric", "categorical"}, optional
        What the values are, where the type suggests another: integers that are codes.

    Returns
    -------
    PsiResult
        A float with ``psi_corrected``, ``pvalue``, ``edges`` and more.

    Raises
    ------
    InvalidInputError
        For a sample without values, or a number of bins outside 2 to 1000.
    UnsupportedError
        For dates and times, which move by themselves.

    Notes
    -----
    B. Yurdakul and J. Naranjo, "Statistical properties of the population stability index" (2020).

    Examples
    --------
    >>> from mlcore.drift import psi
    >>> result = psi(range(1000), [i * 0.9 for i in range(1000)])
    >>> round(result, 3), result > 0.25, result.psi_corrected < result
    (0.424, True, True)
    """
    binning = {"bins": bins, "recipe": recipe, "missing_bin": missing_bin}
    return PsiResult(**_psi(reference, current, binning, kind))


def report(reference, current, **options):
    """Compares every column of ``current`` with the column of the same name in ``reference``.

    A column drifted if its change is both certain (the p-value, corrected for the number of tests, is at most ``alpha``)
    and large (the effect reaches its threshold). Rows must be independent of each other: where neighbouring rows are alike,
    ``verdict.notes`` says so, and p-values are too small unless the table was merely sorted.

    Parameters
    ----------
    reference, current : table
        Frames of pandas, polars or pyarrow, 2-D arrays, dicts of columns.
    columns : list of str, optional
        The columns to compare. Default: all; dates are listed as skipped.
    alpha : float, optional
        The error rate over all tests. Default 0.05.
    correction : {"fdr_bh", "fdr_by", "holm", "bonferroni", "none"}, optional
        How p-values are corrected. Default ``fdr_bh``, and ``none`` with a preset of another library.
    drift_share : float, optional
        The share of drifted columns, above 0 and up to 1, from which on the data as a whole drifted, as Evidently's, whose default
        is 0.5. Default: one drifted column is enough, because p-values are corrected for the number of columns.
    thin : int, optional
        One of so many rows of both tables is taken, where rows depend on each other. Default 1: every row.
    min_samples : int, optional
        The fewest values of either sample that a test is made with. Default 100.
    max_categories : int, optional
        The most categories of a column that are told apart. Default 10,000.
    preset : {"default", "evidently", "nannyml"}, optional
        Which test a column gets for which none is given, and by which rule it decides. ``default``: ``ks`` for numbers,
        ``chi_square`` for categories and for numbers with at most 20 values. ``evidently``: the decisions of Evidently 0.7.23's
        ``DataDriftPreset``, without a correction, missing rows not compared, ``drift_share`` 0.5. ``nannyml``: the alerts of
        NannyML 0.13.1's univariate drift, from the order of the reference's rows. Options that are given come first.
    numeric_test, discrete_test, categorical_test : str, test or dict, optional
        The test of numbers, of numbers with at most 20 values (default: as of numbers), of categories: one of
        :func:`test_names`, an object such as ``Psi(bins=20)``, or a dict such as ``{"name": "psi", "bins": 20}``.
    max_exact_n : int, optional
        Up to how many values the preset's p-values are exact. Default 10,000, as in scipy.
    minimum_effects : dict of str to float, optional
        The smallest effect that counts, by name of test.
    column_options : dict of str to dict, optional
        What is different for one column: ``{"zip": {"kind": "categorical", "minimum_effect": 0.1}}``.
    table_tests : list of str, test or dict, optional
        Tests of whole rows: of :func:`table_test_names`, objects such as ``TableEnergy(seed=1)``, or dicts. Default: none.
    title : str, optional
        The title of the page.
    histogram_bins, most_categories : int, optional
        How finely columns are drawn.
    threads : int, optional
        How many threads compare columns. Default 1; the report does not depend on it.

    Returns
    -------
    Report
        With ``drifted``, ``verdict``, ``to_frame()``, ``to_dict()``, ``to_json()``, ``to_html()`` and ``save_html(path)``;
        a notebook shows it.

    Raises
    ------
    SchemaMismatchError
        Where ``current`` lacks a column or has it in another kind.
    InvalidInputError
        For a reference without rows, and for impossible options.

    Examples
    --------
    >>> from mlcore.drift import report
    >>> found = report({"x": range(1000)}, {"x": range(500, 1500)})
    >>> found
    <mlcore.drift.Report: drifted, 1 of 1 columns drifted>
    >>> found.verdict.columns[0].effect
    0.5
    """
    return _report(reference, current, **options)
