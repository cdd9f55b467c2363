"""Functions of one's own: fitted, stored by name and version, bound, refused."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import threading

import numpy as np
import pytest
from conftest import ROOT

import mlcore
from mlcore import features
from mlcore.features import ColumnTransformer, CustomTransformer, Pipeline, Plan, StandardScaler, custom


class Ratio(CustomTransformer):
    """A number by a quantile of its column."""

    name, version = "ratio", 3

    def __init__(self, *, quantile=0.5):
        self.quantile = quantile

    def learn(self, *columns, y=None):
        return {"quantiles": np.array([np.nanquantile(column, self.quantile) for column in columns])}

    def feature_names(self, input_features):
        return [f"{name}_ratio" for name in input_features]

    def compute(self, *columns):
        return np.column_stack([column / own for column, own in zip(columns, self.state_["quantiles"])])


@custom("mixed", version=1, features=["sum", "length"])
def mixed(a, text, b):
    """The sum of two numbers, and the length of a text."""
    assert a.dtype == b.dtype == np.float64 and text.dtype == object
    return a + b, np.array([np.nan if own is None else len(own) for own in text])


FRAME = {"a": [1.0, None, 2.5], "text": ["x", None, "Zürich"], "b": [4, 5, 6]}


def test_rows_and_batches_are_one_function():
    assert issubclass(mixed, CustomTransformer) and mixed.__name__ == "mixed" and "length of a text" in mixed.__doc__
    plan = mixed().fit(FRAME).plan()
    expected = [[5.0, 1.0], [np.nan, np.nan], [8.5, 6.0]]
    np.testing.assert_array_equal(plan.transform(FRAME), expected)
    for row in range(3):
        np.testing.assert_array_equal(plan.transform_row({name: FRAME[name][row] for name in FRAME}), expected[row])
    many = {"a": np.arange(1300.0), "text": ["word"] * 1300, "b": np.arange(1300)}
    assert plan.transform(many)[1299].tolist() == [2598.0, 4.0]
    assert plan.transform({name: [] for name in FRAME} | {"text": np.array([], dtype=object)}).shape == (0, 2)


def test_what_is_learnt_is_stored_with_the_parameters():
    ratio = Ratio(quantile=1.0).fit({"x": [1.0, 4.0, 2.0]})
    assert ratio.state_ == {"quantiles": [4.0]} and ratio.get_feature_names_out().tolist() == ["x_ratio"]
    stored = json.loads(ratio.to_bytes())["plan"]["Function"]
    assert (stored["name"], stored["version"], stored["parameters"], stored["state"]) == ("ratio", 3, {"quantile": 1.0}, {"quantiles": [4.0]})
    # The plan's parameters count, and not those of what is registered.
    for registered in (Ratio, Ratio(quantile=0.1)):
        plan = Plan.from_bytes(ratio.to_bytes(), functions=[mixed, registered])
        assert plan == ratio.plan() and plan.transform_row({"x": 6.0}).tolist() == [1.5] and plan.functions == [("ratio", 3)]
    changes = Ratio(quantile=0.5).fit({"x": [1.0, 4.0, 2.0]}).plan().diff(ratio.plan())
    assert changes == ["quantile was 0.5, is 1.0", "state.quantiles[0] was 2.0, is 4.0"]
    assert "ratio version 3" in ratio.plan().to_mermaid() and "ratio version 3" in ratio.plan()._repr_html_()
    assert "Ratio" in ratio._repr_html_() and repr(ratio) == "Ratio(quantile=1.0)"


def test_a_function_is_a_step_like_others():
    sklearn = pytest.importorskip("sklearn.base")
    both = ColumnTransformer([("own", Pipeline([("ratio", Ratio()), ("scale", StandardScaler())]), ["a"]), ("mixed", mixed(), ["a", "text", "b"])])
    answer = both.fit_transform(FRAME)
    assert both.get_feature_names_out().tolist() == ["own__a_ratio", "mixed__sum", "mixed__length"]
    assert answer.shape == (3, 3) and answer[0, 0] == -1.0
    assert both.named_transformers_["own"].steps[0][1].state_ == {"quantiles": [1.75]}
    copy = sklearn.clone(both).set_params(own__ratio__quantile=1.0)
    assert copy.fit(FRAME).plan_hash != both.plan_hash
    assert sklearn.clone(both).fit(FRAME).plan_hash == both.plan_hash
    for stored in (both, both.plan(), both.named_transformers_["own"]):
        again = pickle.loads(pickle.dumps(stored))
        assert again.plan_hash == stored.plan_hash
    with pytest.raises(mlcore.UnsupportedError, match="a function of the host has no inverse"):
        mixed().fit(FRAME).inverse_transform(np.zeros((1, 2)))


def test_a_plan_is_refused_by_the_names_that_are_lacking():
    plan = Pipeline([("a", mixed()), ("b", Ratio())]).fit(FRAME).to_bytes()
    other = type("Other", (Ratio,), {"version": 4})
    with pytest.raises(mlcore.UnsupportedError, match="mixed version 1, of which there is none; ratio version 3, of which there is none"):
        Plan.from_bytes(plan)
    with pytest.raises(mlcore.UnsupportedError, match="load plan ratio version 3: .* of which there is version 4; register"):
        Plan.from_bytes(plan, functions=[other, mixed])
    fewer = custom("mixed", version=1, features=["sum"])(lambda *columns: columns[0])
    with pytest.raises(mlcore.UnsupportedError, match="stores the 2 features sum, length, and the function of this host makes the feature sum"):
        Plan.from_bytes(plan, functions=[fewer, Ratio])
    for wrong in (3, [3], [Ratio, "ratio"], [StandardScaler]):
        with pytest.raises(TypeError, match="functions"):
            Plan.from_bytes(plan, functions=wrong)
    nameless = type("Nameless", (Ratio,), {"name": " "})
    with pytest.raises(TypeError, match="Nameless has no name"):
        Plan.from_bytes(plan, functions=[nameless])
    for version in (0, -1, "1", 1.5):
        with pytest.raises(TypeError, match="has no version"):
            type("Own", (Ratio,), {"version": version})().fit({"x": [1.0]})
    assert Plan.from_bytes(plan, functions=[mixed, Ratio]).functions == [("mixed", 1), ("ratio", 3)]


def test_what_a_function_raises_is_the_cause_of_our_error():
    @custom("picky", version=2, features=["y"])
    def picky(x):
        if (x > 10).any():
            raise LookupError("above ten")
        return x

    plan = picky().fit({"x": [1.0]}).plan()
    with pytest.raises(mlcore.InvalidInputError, match="transform with picky version 2 x: row 700: the function raised LookupError: above ten") as caught:
        plan.transform({"x": np.where(np.arange(900) == 700, 11.0, 1.0)})
    assert isinstance(caught.value.__cause__, LookupError)
    with pytest.raises(mlcore.InvalidInputError, match="picky version 2 x: the function raised LookupError") as caught:
        plan.transform_row({"x": 11.0})
    assert isinstance(caught.value.__cause__, LookupError)

    class Stubborn(Ratio):
        def learn(self, *columns, y=None):
            raise ArithmeticError("no")

    with pytest.raises(mlcore.InvalidInputError, match="fit ratio version 3: the function raised ArithmeticError: no") as caught:
        Stubborn().fit({"x": [1.0]})
    assert isinstance(caught.value.__cause__, ArithmeticError)


def test_what_is_to_end_the_program_ends_it():
    calls = []

    @custom("stopped", version=1)
    def stopped(x):
        calls.append(len(x))
        raise KeyboardInterrupt

    plan = stopped().fit({"x": [1.0, 2.0]}).plan()
    with pytest.raises(KeyboardInterrupt):
        plan.transform({"x": [1.0, 2.0]})
    with pytest.raises(KeyboardInterrupt):
        plan.transform_row({"x": 1.0})
    assert calls == [2, 1]


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (lambda x: x[:-1], r"row 0: .* answered an array of shape \(0, 1\), and \(1, 1\) is expected"),
        (lambda x: np.zeros((3, 2)), r"answered an array of shape \(3, 2\)"),
        (lambda x: (x, x), r"answered an array of shape \(1, 2\)"),
        (lambda x: 1.0, r"answered an array of shape \(\)"),
        (lambda x: ["a", "b", "c"], "could not convert string to float"),
        (lambda x: None, "shape"),
    ],
)
def test_an_answer_of_another_shape_is_refused(answer, problem):
    plan = custom("odd", version=1, features=["y"])(answer)().fit({"x": [1.0, 2.0, 3.0]}).plan()
    with pytest.raises(mlcore.InvalidInputError, match="transform with odd version 1 x: ") as caught:
        plan.transform({"x": [1.0, 2.0, 3.0]})
    assert caught.value.__cause__ is not None


def test_states_that_are_no_json_are_refused():
    for state, problem in ((np.nan, "JSON"), ({1, 2}, "JSON has no word for")):
        own = type("Own", (Ratio,), {"learn": lambda self, *columns, y=None, state=state: state})
        with pytest.raises(mlcore.InvalidInputError, match=problem):
            own().fit({"x": [1.0]})


def test_a_function_sees_the_target():
    class Difference(CustomTransformer):
        name, version, features = "difference", 1, ("difference",)

        def learn(self, *columns, y=None):
            return float(np.mean(columns[0] - y))

        def compute(self, x):
            return x - self.state_

    assert Difference().fit({"x": [1.0, 3.0]}, [0.0, 1.0]).state_ == 1.5


def test_threads_share_a_plan():
    plan = mixed().fit(FRAME).plan()
    answers = []
    work = [threading.Thread(target=lambda: answers.append(plan.transform(FRAME)[0, 0])) for _ in range(8)]
    [thread.start() for thread in work]
    [thread.join(timeout=60) for thread in work]
    assert answers == [5.0] * 8


def test_the_example_fits_the_plan_of_rust():
    folder = ROOT / "examples" / "custom-function"
    answer = subprocess.run([sys.executable, "-W", "error", folder / "custom_function.py"], capture_output=True, text=True, timeout=300)
    assert answer.returncode == 0, answer.stderr
    plan, names, read, *rows = answer.stdout.splitlines()
    of_rust = (folder / "printed.txt").read_text(encoding="utf-8").splitlines()
    assert [plan, names] == of_rust[:2]
    assert read == "the plan of Rust valid_iban version 1 ratio_to_median version 1"
    scored = [line.split(" scores ")[0] for line in of_rust if " scores " in line]
    assert rows == scored and len(rows) == 4


def test_custom_is_public():
    assert features.CustomTransformer is CustomTransformer and features.custom is custom
