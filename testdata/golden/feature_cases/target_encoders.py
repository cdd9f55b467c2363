"""Categories as numbers that are counted, or learnt from a target."""

import math

from sklearn.preprocessing import TargetEncoder

from feature_cases import NAN, case, column, golden, golden_of, rng
from feature_cases.encoders import COUNTED, COUNTED_LATER, UNSEEN, categorical_tables


def encoder(name, columns):
    """Makes encoders of category_encoders by their parameters."""
    import category_encoders

    return lambda **parameters: getattr(category_encoders, name)(cols=list(columns), **parameters)


def tables():
    """Tables of categories, without infinities, which category_encoders takes for categories, and without integers that it
    rounds to floats.
    """
    known = {name: columns for name, columns in categorical_tables() if name != "infinity"}
    return {**known, "integers": {"n": known["integers"]["n"]}}


def later(name):
    """The table to transform, with what fitting has not seen."""
    return {column: UNSEEN[name][column] for column in tables()[name]}


def rows(columns):
    return len(next(iter(columns.values()))["values"])


def binary(columns, seed=41):
    """A target of both classes."""
    target = rng(seed).integers(0, 2, rows(columns)).tolist()
    target[:2] = [0, 1][: len(target)]
    return target


def numbers(columns, seed=42):
    return rng(seed).normal(3, 2, rows(columns)).tolist()


def is_missing(value):
    return value is None or (isinstance(value, float) and math.isnan(value))


def in_order(values):
    """Sorted, a missing value last."""
    return sorted(v for v in values if not is_missing(v)) + [NAN for v in values if is_missing(v)]


HANDLED = [
    {"handle_unknown": unknown, "handle_missing": missing}
    for unknown in ["value", "return_nan", "error"]
    for missing in ["value", "return_nan", "error"]
]


@golden_of("category_encoders")
def count_encoder():
    def number(counts, category):
        # NaN is no key that equals itself.
        return counts[counts.index.isna()].iloc[0] if is_missing(category) else counts[category]

    def known(fitted):
        seen = fitted.handle_missing != "return_nan"
        return [[c for c in in_order(list(m.index)) if seen or not is_missing(c)] for m in fitted.mapping.values()]

    attributes = [
        ("categories_", known),
        ("encodings_", lambda f: [[number(m, c) for c in own] for m, own in zip(f.mapping.values(), known(f))]),
    ]
    for name, columns in tables().items():
        yield case(name, encoder("CountEncoder", columns), {}, columns, attributes, widen=False)
        yield case(f"{name}: shares", encoder("CountEncoder", columns), {"normalize": True}, columns, attributes, widen=False)
    for name in ["text", "text with missing", "integers", "floats with missing"]:
        columns = tables()[name]
        for handled in [*HANDLED, {"handle_unknown": -1}, {"handle_unknown": -1, "handle_missing": "return_nan"}]:
            yield case(f"{name}: unseen, {handled}", encoder("CountEncoder", columns), handled, columns, attributes, later(name), widen=False)
    yield case("counted", encoder("CountEncoder", COUNTED), {"normalize": True}, COUNTED, attributes, COUNTED_LATER, widen=False)


def by_code(fitted):
    """The number of each category of each column, and of a missing value where there was one."""
    answer = []
    for switch in fitted.ordinal_encoder.category_mapping:
        codes = {(NAN if is_missing(c) else c): code for c, code in switch["mapping"].items() if code > 0}
        of = fitted.mapping[switch["col"]]
        present = sorted(c for c in codes if not is_missing(c))
        own = [(c, of[codes[c]]) for c in present] + [(NAN, of[code]) for c, code in codes.items() if is_missing(c)]
        answer.append(own)
    return answer


BY_CODE = [
    ("categories_", lambda f: [[category for category, _ in own] for own in by_code(f)]),
    ("encodings_", lambda f: [[number for _, number in own] for own in by_code(f)]),
]


def supervised(name, parameters, attributes, target, cross=True, without=()):
    """The cases that every encoder of category_encoders has that learns from a target."""
    for table, columns in tables().items():
        if table in without:
            continue
        yield case(table, encoder(name, columns), parameters, columns, attributes, target=target(columns), widen=False, cross=cross)
    for table in ["text", "text with missing", "integers", "floats with missing"]:
        columns = tables()[table]
        for handled in HANDLED:
            yield case(f"{table}: unseen, {handled}", encoder(name, columns), {**parameters, **handled}, columns, attributes, later(table), target=target(columns), widen=False, cross=cross)
    words = ["no" if value == 0 else "yes" for value in binary(COUNTED)]
    yield case("target of texts", encoder(name, COUNTED), parameters, COUNTED, attributes, COUNTED_LATER, target=words, widen=False)
    truths = [value == 0 for value in binary(COUNTED)]
    yield case("target of truths", encoder(name, COUNTED), parameters, COUNTED, attributes, COUNTED_LATER, target=truths, widen=False)
    yield case("target without a value", encoder(name, COUNTED), parameters, COUNTED, attributes, target=[NAN, *map(float, binary(COUNTED)[1:])], widen=False)


@golden_of("category_encoders")
def woe_encoder():
    yield from supervised("WOEEncoder", {}, BY_CODE, binary)
    for regularization in [0.0, 0.5, 10.0]:
        yield case(f"regularization {regularization}", encoder("WOEEncoder", COUNTED), {"regularization": regularization}, COUNTED, BY_CODE, COUNTED_LATER, target=binary(COUNTED), widen=False)
    yield case("target of floats", encoder("WOEEncoder", COUNTED), {}, COUNTED, BY_CODE, target=[float(v) for v in binary(COUNTED)], widen=False)
    for name, target in [("three classes", [0, 1, 2]), ("one class", [1, 1, 1]), ("without 0", [1, 2, 1]), ("without 1", [0, -1, 0])]:
        yield case(f"target of {name}", encoder("WOEEncoder", {"s": 0}), {}, {"s": column(["a", "b", "a"])}, target=target, widen=False)


@golden_of("category_encoders")
def james_stein_encoder():
    for model in ["independent", "pooled", "beta"]:
        for own in supervised("JamesSteinEncoder", {"model": model}, BY_CODE, numbers):
            yield {**own, "name": f"{model}: {own['name']}"}
        yield case(f"{model}: binary", encoder("JamesSteinEncoder", COUNTED), {"model": model}, COUNTED, BY_CODE, COUNTED_LATER, target=binary(COUNTED), widen=False)
        yield case(f"{model}: constant target", encoder("JamesSteinEncoder", COUNTED), {"model": model}, COUNTED, BY_CODE, COUNTED_LATER, target=[2.5] * rows(COUNTED), widen=False)
        far = [1e6 + value for value in numbers(COUNTED)]
        yield case(f"{model}: far from zero", encoder("JamesSteinEncoder", COUNTED), {"model": model}, COUNTED, BY_CODE, COUNTED_LATER, target=far, widen=False)


@golden_of("category_encoders")
def leave_one_out_encoder():
    def of(fitted):
        answer = []
        for stats in fitted.mapping.values():
            means = (stats["sum"] / stats["count"]).where(stats["count"] > 1, fitted._mean)
            own = [(NAN if is_missing(c) else c, value) for c, value in means.items()]
            if fitted.handle_missing == "return_nan":
                own = [(c, NAN if is_missing(c) else value) for c, value in own]
            answer.append(sorted((o for o in own if not is_missing(o[0]))) + [o for o in own if is_missing(o[0])])
        return answer

    attributes = [
        ("categories_", lambda f: [[category for category, _ in own] for own in of(f)]),
        ("encodings_", lambda f: [[number for _, number in own] for own in of(f)]),
    ]
    # A column of bools is looked up among floats, and nothing is found.
    yield from supervised("LeaveOneOutEncoder", {}, attributes, numbers, without={"bools"})
    for seed in [43, 44]:
        yield case(f"binary {seed}", encoder("LeaveOneOutEncoder", COUNTED), {}, COUNTED, attributes, COUNTED_LATER, target=binary(COUNTED, seed), widen=False, cross=True)


@golden
def target_encoder():
    def mean(fitted):
        return fitted.target_mean_.tolist()

    def classes(fitted):
        return None if fitted.classes_ is None else list(fitted.classes_)

    attributes = [
        ("categories_", lambda f: [list(c) for c in f.categories_]),
        ("encodings_", lambda f: [list(e) for e in f.encodings_]),
        ("target_mean_", mean),
        ("classes_", classes),
    ]
    plain = {"shuffle": False, "cv": 3}

    def several(columns, seed=45):
        return rng(seed).integers(0, 3, rows(columns)).tolist()

    def words(columns):
        return [["blue", "red", "the third of them"][value] for value in several(columns)]

    targets = {"binary": binary, "continuous": numbers, "several": several, "words": words}
    for name, columns in dict(categorical_tables()).items():
        for kind, target in targets.items():
            yield case(f"{name}: {kind}", TargetEncoder, plain, columns, attributes, target=target(columns), widen=False, cross=True)
    for name, later in UNSEEN.items():
        for kind, target in targets.items():
            yield case(f"{name}: unseen, {kind}", TargetEncoder, plain, tables_of(name), attributes, later, target=target(tables_of(name)), widen=False)
    for smooth in [0, 0.0, 2.5, 100.0]:
        for kind, target in targets.items():
            yield case(f"smooth {smooth!r}, {kind}", TargetEncoder, {**plain, "smooth": smooth}, COUNTED, attributes, COUNTED_LATER, target=target(COUNTED), widen=False, cross=True)
    text = tables_of("text")
    for cv in [1, 2, 7, 60, 61]:
        for kind in ["binary", "continuous", "several"]:
            yield case(f"{cv} folds, {kind}", TargetEncoder, {"shuffle": False, "cv": cv}, text, attributes, target=targets[kind](text), widen=False, cross=True)
    for seed in [0, 1, 42, 2**32 - 1]:
        for kind, target in targets.items():
            yield case(f"seed {seed}, {kind}", TargetEncoder, {"random_state": seed, "cv": 4}, text, attributes, target=target(text), widen=False, cross=True)
    classes_of = [*[0] * 11, *[1] * 5, *[2] * 3, *[7] * 2, *[9] * 3]
    for seed in [0, 5]:
        yield case(f"rare classes, seed {seed}", TargetEncoder, {"random_state": seed}, COUNTED, attributes, target=rng(46).permutation(classes_of[: rows(COUNTED)]).tolist(), widen=False, cross=True)
    for target_type, target in [
        ("continuous", binary(COUNTED)),
        ("continuous", several(COUNTED)),
        ("binary", binary(COUNTED)),
        ("binary", ["no" if v else "yes" for v in binary(COUNTED)]),
        ("multiclass", several(COUNTED)),
        ("continuous", words(COUNTED)),
    ]:
        yield case(f"{target_type} target of {type(target[0]).__name__} {len(set(target))}", TargetEncoder, {**plain, "target_type": target_type}, COUNTED, attributes, COUNTED_LATER, target=target, widen=False, cross=True)
    truths = [value == 1 for value in binary(COUNTED)]
    yield case("target of truths", TargetEncoder, plain, COUNTED, attributes, target=truths, widen=False, cross=True)
    yield case("target of whole floats", TargetEncoder, plain, COUNTED, attributes, target=[float(v) for v in several(COUNTED)], widen=False, cross=True)
    yield case("one class", TargetEncoder, plain, COUNTED, attributes, COUNTED_LATER, target=[1] * rows(COUNTED), widen=False, cross=True)
    yield case("constant target", TargetEncoder, plain, COUNTED, attributes, COUNTED_LATER, target=[0.5] * rows(COUNTED), widen=False, cross=True)
    yield case("target without a value", TargetEncoder, plain, COUNTED, attributes, target=[NAN, *numbers(COUNTED)[1:]], widen=False)
    yield case("negative smooth", TargetEncoder, {"smooth": -1.0}, COUNTED, attributes, target=binary(COUNTED), widen=False)
    listed = {"categories": [["pro", "free", "nowhere"], ["y", "x"]]}
    for kind, target in targets.items():
        columns = tables_of("text with missing")
        yield case(f"listed, {kind}", TargetEncoder, {**plain, **listed}, columns, attributes, UNSEEN["text with missing"], target=target(columns), widen=False, cross=True)


def tables_of(name):
    return dict(categorical_tables())[name]
