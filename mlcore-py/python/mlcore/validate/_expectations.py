"""What can be expected: a method for each expectation, with Great Expectations' names and parameters."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from mlcore.exceptions import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import timedelta
    from typing import Literal, TypedDict

    from typing_extensions import Self, Unpack

    #: A column, an operator and a value: ``("country", "in", ["DE", "AT"])``, ``("age", ">=", 18)``, ``("age", "not null")``.
    _Clause = tuple[Any, ...]
    _IgnoreRowIf = Literal["all_values_are_missing", "any_value_is_missing", "never"]

    class _Options(TypedDict, total=False):
        """What every expectation takes."""

        mostly: float
        severity: Literal["critical", "warning", "info"]
        where: _Clause | Sequence[_Clause | Mapping[str, Any]]
        notes: str


class Expectations:
    """The methods that add an expectation to a suite; each answers the suite, so that they can be chained."""

    def _add(self, json: str) -> None:
        raise NotImplementedError

    def _expect(self, name: str, options: _Options, **parameters: Any) -> Self:
        given = {key: plain(value) for key, value in {**parameters, **options}.items() if value is not None}
        if "bounds" in given:
            ends = zip(BOUNDS, given["bounds"])
            given["bounds"] = {key: end for key, end in ends if end is not None and (end or not key.startswith("strict"))}
        if "where" in given:
            given["where"] = clauses(given["where"])
        try:
            written = json.dumps({"expect": name, **given}, allow_nan=False)
        except (TypeError, ValueError) as cause:
            problem, remedy = f"an argument cannot be written: {cause}", "pass finite numbers, text, truth values, dates or times"
            message = f"add expectation {name}: {problem}; {remedy}"
            raise InvalidInputError(message, operation="add expectation", subject=name, problem=problem, remedy=remedy) from cause
        self._add(written)
        return self

    def __getattr__(self, name: str) -> Any:
        # Great Expectations' own names, such as expect_column_to_exist.
        short = name.removeprefix("expect_")
        if short != name and not short.startswith("_") and short in vars(Expectations):
            return getattr(self, short)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def column_to_exist(self, column: str, column_index: int | None = None, **options: Unpack[_Options]) -> Self:
        """The column is there; at this position, where one is given, the first being 0."""
        return self._expect("column_to_exist", options, column=column, column_index=column_index)

    def table_columns_to_match_set(self, column_set: Iterable[str], *, exact_match: bool = True, **options: Unpack[_Options]) -> Self:
        """The columns are these, in any order; with ``exact_match=False`` there may be others."""
        return self._expect("table_columns_to_match_set", options, column_set=column_set, exact_match=exact_match)

    def table_columns_to_match_ordered_list(self, column_list: Iterable[str], **options: Unpack[_Options]) -> Self:
        """The columns are these, in this order."""
        return self._expect("table_columns_to_match_ordered_list", options, column_list=column_list)

    def table_column_count_to_equal(self, value: int, **options: Unpack[_Options]) -> Self:
        """There are so many columns."""
        return self._expect("table_column_count_to_equal", options, value=value)

    def table_column_count_to_be_between(
        self,
        min_value: Any = None,
        max_value: Any = None,
        *,
        strict_min: bool = False,
        strict_max: bool = False,
        **options: Unpack[_Options],
    ) -> Self:
        """The number of columns is within bounds."""
        return self._expect("table_column_count_to_be_between", options, bounds=(min_value, max_value, strict_min, strict_max))

    def table_row_count_to_equal(self, value: int, **options: Unpack[_Options]) -> Self:
        """There are so many rows."""
        return self._expect("table_row_count_to_equal", options, value=value)

    def table_row_count_to_be_between(
        self,
        min_value: Any = None,
        max_value: Any = None,
        *,
        strict_min: bool = False,
        strict_max: bool = False,
        **options: Unpack[_Options],
    ) -> Self:
        """The number of rows is within bounds."""
        return self._expect("table_row_count_to_be_between", options, bounds=(min_value, max_value, strict_min, strict_max))

    def column_values_to_be_of_type(self, column: str, type_: str, **options: Unpack[_Options]) -> Self:
        """The column has this type, by mlcore's names: ``int64``, ``string``, ``timestamp[us, tz=UTC]``."""
        return self._expect("column_values_to_be_of_type", options, column=column, type_=type_)

    def column_values_to_be_in_type_list(self, column: str, type_list: Iterable[str], **options: Unpack[_Options]) -> Self:
        """The column has one of these types."""
        return self._expect("column_values_to_be_in_type_list", options, column=column, type_list=type_list)

    def column_values_to_be_null(self, column: str, **options: Unpack[_Options]) -> Self:
        """Every value is missing."""
        return self._expect("column_values_to_be_null", options, column=column)

    def column_values_to_not_be_null(self, column: str, **options: Unpack[_Options]) -> Self:
        """No value is missing."""
        return self._expect("column_values_to_not_be_null", options, column=column)

    def column_values_to_be_between(
        self,
        column: str,
        min_value: Any = None,
        max_value: Any = None,
        *,
        strict_min: bool = False,
        strict_max: bool = False,
        **options: Unpack[_Options],
    ) -> Self:
        """Values are within bounds."""
        return self._expect("column_values_to_be_between", options, column=column, bounds=(min_value, max_value, strict_min, strict_max))

    def column_values_to_be_in_set(self, column: str, value_set: Iterable[Any], **options: Unpack[_Options]) -> Self:
        """Values are of a set."""
        return self._expect("column_values_to_be_in_set", options, column=column, value_set=value_set)

    def column_values_to_not_be_in_set(self, column: str, value_set: Iterable[Any], **options: Unpack[_Options]) -> Self:
        """Values are not of a set."""
        return self._expect("column_values_to_not_be_in_set", options, column=column, value_set=value_set)

    def column_distinct_values_to_be_in_set(self, column: str, value_set: Iterable[Any], **options: Unpack[_Options]) -> Self:
        """All distinct values are of a set."""
        return self._expect("column_distinct_values_to_be_in_set", options, column=column, value_set=value_set)

    def column_distinct_values_to_contain_set(self, column: str, value_set: Iterable[Any], **options: Unpack[_Options]) -> Self:
        """All values of a set occur."""
        return self._expect("column_distinct_values_to_contain_set", options, column=column, value_set=value_set)

    def column_distinct_values_to_equal_set(self, column: str, value_set: Iterable[Any], **options: Unpack[_Options]) -> Self:
        """The distinct values are those of a set."""
        return self._expect("column_distinct_values_to_equal_set", options, column=column, value_set=value_set)

    def column_most_common_value_to_be_in_set(
        self, column: str, value_set: Iterable[Any], *, ties_okay: bool = False, **options: Unpack[_Options]
    ) -> Self:
        """The most common value is of a set; where several are, one of them with ``ties_okay``, and otherwise it fails."""
        return self._expect("column_most_common_value_to_be_in_set", options, column=column, value_set=value_set, ties_okay=ties_okay)

    def column_values_to_match_regex(self, column: str, regex: str, **options: Unpack[_Options]) -> Self:
        """A regular expression is found in each text. It is one without look-around and back-references."""
        return self._expect("column_values_to_match_regex", options, column=column, regex=regex)

    def column_values_to_not_match_regex(self, column: str, regex: str, **options: Unpack[_Options]) -> Self:
        """A regular expression is found in no text."""
        return self._expect("column_values_to_not_match_regex", options, column=column, regex=regex)

    def column_values_to_match_regex_list(
        self, column: str, regex_list: Iterable[str], *, match_on: Literal["any", "all"] = "any", **options: Unpack[_Options]
    ) -> Self:
        """One of several regular expressions is found in each text, or every one."""
        return self._expect("column_values_to_match_regex_list", options, column=column, regex_list=regex_list, match_all=match_on == "all")

    def column_values_to_not_match_regex_list(self, column: str, regex_list: Iterable[str], **options: Unpack[_Options]) -> Self:
        """None of several regular expressions is found in any text."""
        return self._expect("column_values_to_not_match_regex_list", options, column=column, regex_list=regex_list)

    def column_value_lengths_to_equal(self, column: str, value: int, **options: Unpack[_Options]) -> Self:
        """Texts have so many characters."""
        return self._expect("column_value_lengths_to_equal", options, column=column, value=value)

    def column_value_lengths_to_be_between(
        self,
        column: str,
        min_value: Any = None,
        max_value: Any = None,
        *,
        strict_min: bool = False,
        strict_max: bool = False,
        **options: Unpack[_Options],
    ) -> Self:
        """The number of characters of texts is within bounds."""
        return self._expect("column_value_lengths_to_be_between", options, column=column, bounds=(min_value, max_value, strict_min, strict_max))

    def column_values_to_be_in_reference(self, column: str, reference: str, **options: Unpack[_Options]) -> Self:
        """Values are among the keys of a reference, which :meth:`Suite.validate` is handed. Not in Great Expectations."""
        return self._expect("column_values_to_be_in_reference", options, column=column, reference=reference)

    def column_values_to_be_unique(self, column: str, **options: Unpack[_Options]) -> Self:
        """No value occurs twice. Every row of a value that does is unexpected, the first one too."""
        return self._expect("column_values_to_be_unique", options, column=column)

    def column_values_to_be_increasing(self, column: str, *, strictly: bool = False, **options: Unpack[_Options]) -> Self:
        """Each value is at least the one before it, missing ones left out; more than it, where ``strictly``."""
        return self._expect("column_values_to_be_increasing", options, column=column, strictly=strictly)

    def column_values_to_be_decreasing(self, column: str, *, strictly: bool = False, **options: Unpack[_Options]) -> Self:
        """Each value is at most the one before it, missing ones left out; less than it, where ``strictly``."""
        return self._expect("column_values_to_be_decreasing", options, column=column, strictly=strictly)

    def column_value_z_scores_to_be_less_than(
        self, column: str, threshold: float, *, double_sided: bool = True, **options: Unpack[_Options]
    ) -> Self:
        """Numbers are less than so many standard deviations from the mean; with ``double_sided=False`` above it only."""
        return self._expect("column_value_z_scores_to_be_less_than", options, column=column, threshold=threshold, double_sided=double_sided)

    def column_min_to_be_between(
        self,
        column: str,
        min_value: Any = None,
        max_value: Any = None,
        *,
        strict_min: bool = False,
        strict_max: bool = False,
        **options: Unpack[_Options],
    ) -> Self:
        """The smallest value is within bounds."""
        return self._expect("column_min_to_be_between", options, column=column, bounds=(min_value, max_value, strict_min, strict_max))

    def column_max_to_be_between(
        self,
        column: str,
        min_value: Any = None,
        max_value: Any = None,
        *,
        strict_min: bool = False,
        strict_max: bool = False,
        **options: Unpack[_Options],
    ) -> Self:
        """The greatest value is within bounds."""
        return self._expect("column_max_to_be_between", options, column=column, bounds=(min_value, max_value, strict_min, strict_max))

    def column_mean_to_be_between(
        self,
        column: str,
        min_value: Any = None,
        max_value: Any = None,
        *,
        strict_min: bool = False,
        strict_max: bool = False,
        **options: Unpack[_Options],
    ) -> Self:
        """The mean is within bounds."""
        return self._expect("column_mean_to_be_between", options, column=column, bounds=(min_value, max_value, strict_min, strict_max))

    def column_median_to_be_between(
        self,
        column: str,
        min_value: Any = None,
        max_value: Any = None,
        *,
        strict_min: bool = False,
        strict_max: bool = False,
        **options: Unpack[_Options],
    ) -> Self:
        """The median is within bounds."""
        return self._expect("column_median_to_be_between", options, column=column, bounds=(min_value, max_value, strict_min, strict_max))

    def column_stdev_to_be_between(
        self,
        column: str,
        min_value: Any = None,
        max_value: Any = None,
        *,
        strict_min: bool = False,
        strict_max: bool = False,
        **options: Unpack[_Options],
    ) -> Self:
        """The standard deviation, with n - 1, is within bounds."""
        return self._expect("column_stdev_to_be_between", options, column=column, bounds=(min_value, max_value, strict_min, strict_max))

    def column_sum_to_be_between(
        self,
        column: str,
        min_value: Any = None,
        max_value: Any = None,
        *,
        strict_min: bool = False,
        strict_max: bool = False,
        **options: Unpack[_Options],
    ) -> Self:
        """The sum is within bounds; of no value it is 0."""
        return self._expect("column_sum_to_be_between", options, column=column, bounds=(min_value, max_value, strict_min, strict_max))

    def column_unique_value_count_to_be_between(
        self,
        column: str,
        min_value: Any = None,
        max_value: Any = None,
        *,
        strict_min: bool = False,
        strict_max: bool = False,
        **options: Unpack[_Options],
    ) -> Self:
        """The number of distinct values is within bounds."""
        return self._expect(
            "column_unique_value_count_to_be_between", options, column=column, bounds=(min_value, max_value, strict_min, strict_max)
        )

    def column_proportion_of_unique_values_to_be_between(
        self,
        column: str,
        min_value: Any = None,
        max_value: Any = None,
        *,
        strict_min: bool = False,
        strict_max: bool = False,
        **options: Unpack[_Options],
    ) -> Self:
        """The number of distinct values over that of values is within bounds."""
        return self._expect(
            "column_proportion_of_unique_values_to_be_between", options, column=column, bounds=(min_value, max_value, strict_min, strict_max)
        )

    def column_proportion_of_non_null_values_to_be_between(
        self,
        column: str,
        min_value: Any = None,
        max_value: Any = None,
        *,
        strict_min: bool = False,
        strict_max: bool = False,
        **options: Unpack[_Options],
    ) -> Self:
        """The share of rows whose value is not missing is within bounds."""
        return self._expect(
            "column_proportion_of_non_null_values_to_be_between", options, column=column, bounds=(min_value, max_value, strict_min, strict_max)
        )

    def column_quantile_values_to_be_between(
        self,
        column: str,
        quantile_ranges: Mapping[str, Sequence[Any]],
        *,
        interpolation: Literal["linear", "lower", "higher", "midpoint", "nearest"] = "nearest",
        **options: Unpack[_Options],
    ) -> Self:
        """Quantiles are within ranges: ``{"quantiles": [0.5, 0.9], "value_ranges": [[10, 20], [None, 99]]}``."""
        shares, ranges = quantile_ranges["quantiles"], quantile_ranges["value_ranges"]
        listed = [
            {"quantile": share, **{key: end for key, end in zip(BOUNDS, ends) if end is not None}}
            for share, ends in zip(shares, ranges, strict=True)
        ]
        return self._expect("column_quantile_values_to_be_between", options, column=column, quantile_ranges=listed, interpolation=interpolation)

    def column_newest_value_to_be_within(self, column: str, max_age: float | timedelta, **options: Unpack[_Options]) -> Self:
        """The newest date or timestamp is at most so old: seconds, or a ``timedelta``. Not in Great Expectations' core."""
        return self._expect(
            "column_newest_value_to_be_within", options, column=column, max_age_seconds=getattr(max_age, "total_seconds", lambda: max_age)()
        )

    def column_distribution_to_match_reference(
        self,
        column: str,
        reference: str,
        measure: Literal["ks", "chi_square", "psi"],
        *,
        threshold: float | None = None,
        **options: Unpack[_Options],
    ) -> Self:
        """The column looks like a reference, which :meth:`Suite.validate` is handed: by a p-value (0.05) or the stability index (0.1)."""
        return self._expect(
            "column_distribution_to_match_reference", options, column=column, reference=reference, measure=measure, threshold=threshold
        )

    def column_pair_values_to_be_equal(
        self, column_A: str, column_B: str, *, ignore_row_if: _IgnoreRowIf = "all_values_are_missing", **options: Unpack[_Options]
    ) -> Self:
        """Both values are equal."""
        return self._expect("column_pair_values_to_be_equal", options, column_a=column_A, column_b=column_B, ignore_row_if=ignore_row_if)

    def column_pair_values_a_to_be_greater_than_b(
        self,
        column_A: str,
        column_B: str,
        *,
        or_equal: bool = False,
        ignore_row_if: _IgnoreRowIf = "all_values_are_missing",
        **options: Unpack[_Options],
    ) -> Self:
        """The first value is greater than the second one; or as great, with ``or_equal``."""
        return self._expect(
            "column_pair_values_a_to_be_greater_than_b", options, column_a=column_A, column_b=column_B, or_equal=or_equal, ignore_row_if=ignore_row_if
        )

    def column_pair_values_to_be_in_set(
        self,
        column_A: str,
        column_B: str,
        value_pairs_set: Iterable[tuple[Any, Any]],
        *,
        ignore_row_if: _IgnoreRowIf = "all_values_are_missing",
        **options: Unpack[_Options],
    ) -> Self:
        """Both values are one of these pairs."""
        return self._expect(
            "column_pair_values_to_be_in_set", options, column_a=column_A, column_b=column_B, value_pairs_set=value_pairs_set, ignore_row_if=ignore_row_if
        )

    def multicolumn_sum_to_equal(
        self,
        column_list: Iterable[str],
        sum_total: float,
        *,
        ignore_row_if: _IgnoreRowIf = "all_values_are_missing",
        **options: Unpack[_Options],
    ) -> Self:
        """The values of a row add up to this."""
        return self._expect("multicolumn_sum_to_equal", options, column_list=column_list, sum_total=sum_total, ignore_row_if=ignore_row_if)

    def multicolumn_values_to_be_equal(
        self, column_list: Iterable[str], *, ignore_row_if: _IgnoreRowIf = "all_values_are_missing", **options: Unpack[_Options]
    ) -> Self:
        """The values of a row are equal."""
        return self._expect("multicolumn_values_to_be_equal", options, column_list=column_list, ignore_row_if=ignore_row_if)

    def select_column_values_to_be_unique_within_record(
        self, column_list: Iterable[str], *, ignore_row_if: _IgnoreRowIf = "all_values_are_missing", **options: Unpack[_Options]
    ) -> Self:
        """The values of a row are all different."""
        return self._expect("select_column_values_to_be_unique_within_record", options, column_list=column_list, ignore_row_if=ignore_row_if)

    def compound_columns_to_be_unique(
        self, column_list: Iterable[str], *, ignore_row_if: _IgnoreRowIf = "all_values_are_missing", **options: Unpack[_Options]
    ) -> Self:
        """No two rows have the same values in these columns."""
        return self._expect("compound_columns_to_be_unique", options, column_list=column_list, ignore_row_if=ignore_row_if)


BOUNDS = ("min_value", "max_value", "strict_min", "strict_max")


def clauses(where: Any) -> list[Any]:
    """The clauses of a condition, of one or several."""
    listed = [where] if where and isinstance(where[0], str) else where
    return [one if isinstance(one, dict) else clause(*one) for one in listed]


def clause(column: str, operator: str, *values: Any) -> dict[str, Any]:
    """One clause; several values are given as a list, or one after the other."""
    if len(values) == 1 and isinstance(values[0], list):
        values = tuple(values[0])
    return {"column": column, "is": operator, "values": list(values)}


def plain(value: Any) -> Any:
    """A value as JSON has it: dates and times as text, numbers of numpy as Python's own."""
    if value is None or isinstance(value, (bool, int, float, str)) and type(value).__module__ == "builtins":
        return value
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if hasattr(value, "item") and not hasattr(value, "__len__"):
        return plain(value.item())
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, (set, frozenset)):
        # A set has no order, and a suite that is written has one.
        return sorted((plain(one) for one in value), key=lambda one: (str(type(one)), one))
    if hasattr(value, "__iter__") and not isinstance(value, str):
        return [plain(one) for one in value]
    return value
