"""Experiments: how many units they need, what they found, and how sure that is.

Names, defaults and numbers are those of gbstats, spotify-confidence, statsmodels, ssrm-test and confseq.

>>> from mlcore.experiment import Metric, analyse
>>> frame = {"arm": ["on", "off"] * 5000, "clicked": [i % 100 < 14 if i % 2 else i % 100 < 20 for i in range(10000)]}
>>> report = analyse(frame, [Metric("clicked", kind="proportion")], control="off")
>>> print(report)
experiment
off: 5,000 units (control)
on: 5,000 units (treatment)
clicked of on: better; +42.86 % [+30.24 %, +55.47 %], p = 2.9e-11, corrected 2.9e-11
<BLANKLINE>
"""

from dataclasses import asdict, dataclass

from mlcore._mlcore.experiment import *
from mlcore._mlcore.experiment import __all__ as _native

__all__ = [*_native, "Metric", "analyse"]


@dataclass(frozen=True)
class Metric:
    """A metric, and the columns that it is computed from.

    Parameters
    ----------
    name : str
    column : str, optional
        The value of each unit. Default: the column of this name.
    kind : {"mean", "proportion", "ratio", "quantile"}
        ``proportion`` is of units that succeed or not; ``ratio`` of sums, by the delta method; ``quantile`` keeps all values.
    denominator : str, optional
        The column under the line of a ratio.
    covariates : tuple of str
        Columns from before the experiment: one adjusts a mean by CUPED, several by regression, of two arms.
    caps : tuple of (float or None), optional
        Values are winsorised to these: below the first and above the second they count as it.
    quantile : float, optional
        The level of a quantile, inside ``(0, 1)``.
    preferred_direction : {"increase", "decrease"}
    margin : float, optional
        Asks only that the treatment is not worse by more than this share of the control's mean.
    segmented : bool
        Whether it is reported of segments, too, where the experiment has some.

    Examples
    --------
    >>> from mlcore.experiment import Metric
    >>> Metric("spent", covariates=("spent_before",), caps=(None, 500.0)).column
    'spent'
    """

    name: str
    column: "str | None" = None
    kind: str = "mean"
    denominator: "str | None" = None
    covariates: "tuple[str, ...]" = ()
    caps: "tuple[float | None, float | None] | None" = None
    quantile: "float | None" = None
    preferred_direction: str = "increase"
    margin: "float | None" = None
    segmented: bool = True

    def __post_init__(self):
        if self.column is None:
            object.__setattr__(self, "column", self.name)
        object.__setattr__(self, "covariates", tuple(self.covariates))

    def to_dict(self):
        """The attributes by name."""
        return asdict(self)


def analyse(frame, metrics, *, arm="arm", arms=None, control=None, name="experiment", **options):
    """What an experiment found, of a frame with a row for each unit.

    Parameters
    ----------
    frame : frame of pandas, polars or pyarrow, dict of columns, list of dicts
    metrics : list of Metric or str
        A name alone is the mean of the column of this name.
    arm : str
        The column that says which arm a unit was assigned to.
    arms : dict or list, optional
        Names and their weights in the assignment, the control first. Default: the names in the column, of equal weight.
    control : str, optional
        The control, where ``arms`` is left out. Default: the first name.
    name : str
        The experiment's.
    **options
        As of :class:`Experiment`: ``segments``, ``clusters``, ``day``, ``alpha``, ``inference``, ``correction`` and others.

    Returns
    -------
    Report

    Raises
    ------
    InvalidInputError, InvalidTypeError, SchemaMismatchError
        As :class:`Experiment` and its ``update``.

    Examples
    --------
    >>> from mlcore.experiment import analyse
    >>> frame = {"arm": ["a", "b"] * 500, "spent": [float(i % 10 + i % 2) for i in range(1000)]}
    >>> analyse(frame, ["spent"]).decisions
    {('spent', 'b'): 'better'}
    """
    if arms is None:
        arms = arm_names(frame, arm, control)
    experiment = Experiment(name, arms, metrics, arm=arm, **options)
    experiment.update(frame)
    return experiment.report()
