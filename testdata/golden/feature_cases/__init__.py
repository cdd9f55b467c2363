"""What the golden cases of all transformers share: columns, tables, one case, and the list of files to write."""

import math

import numpy as np
import pandas as pd

NAN = math.nan

#: The function that yields the cases of each golden file, by the name of the file.
FILES = {}


def golden(cases):
    """Declares a function that yields the cases of the golden file of its name."""
    FILES[cases.__name__] = cases
    return cases


#: The library that a golden file asks in the place of scikit-learn, by the name of the file.
LIBRARIES = {}


def golden_of(library):
    """The same for a file of which another library makes the answers."""

    def declare(cases):
        LIBRARIES[cases.__name__] = library
        return golden(cases)

    return declare


def column(values, dtype=None):
    """A column of the golden table: its element type and its values."""
    values = list(values)
    if dtype is None:
        present = [v for v in values if v is not None and not (isinstance(v, float) and math.isnan(v))]
        if present and all(isinstance(v, str) for v in present):
            dtype = "string"
        elif present and all(isinstance(v, (bool, np.bool_)) for v in present):
            dtype = "bool"
        elif present and all(isinstance(v, (int, np.integer)) and not isinstance(v, bool) for v in present):
            dtype = "int64"
        else:
            dtype = "float64"
    return {"dtype": dtype, "values": values}


def frame(columns, widen):
    """The data frame that scikit-learn gets."""
    out = {}
    for name, spec in columns.items():
        values = [NAN if v is None else v for v in spec["values"]]
        dtype = spec["dtype"]
        if dtype.startswith(("date", "time")):
            out[name] = temporal(spec["values"], dtype)
        elif dtype == "string" or (dtype == "bool" and None in spec["values"]):
            out[name] = pd.Series(values, dtype=object)
        elif dtype == "float32":
            narrow = np.array(values, dtype=np.float32)
            out[name] = pd.Series(narrow.astype(np.float64) if widen else narrow)
        elif dtype == "int64" and any(v is None for v in spec["values"]):
            out[name] = pd.Series(np.array(values, dtype=np.float64))
        else:
            out[name] = pd.Series(np.array(values, dtype=dtype))
    return pd.DataFrame(out)


def temporal(values, dtype):
    """A column of dates or times, from counts of the unit of the type: ``date``, ``time[us]``, ``timestamp[ms, tz=UTC]``."""
    unit, _, zone = dtype.partition("[")[2].rstrip("]").partition(", tz=")
    scale = 86_400 if dtype == "date" else 1
    counts = np.array([np.iinfo(np.int64).min if v is None else v * scale for v in values])
    series = pd.Series(counts.astype(f"datetime64[{unit or 's'}]"))
    return series.dt.tz_localize("UTC").dt.tz_convert(zone) if zone else series


def plain(value):
    """The value as JSON can hold it, without losing a digit."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    if isinstance(value, np.ndarray):
        return [plain(inner) for inner in value.tolist()]
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, np.integer):
        return int(value)
    value = float(value)
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return value


def table(columns):
    return [{"name": name, "dtype": spec["dtype"], "values": plain(spec["values"])} for name, spec in columns.items()]


def case(name, make, parameters, train, attributes=(), test=None, *, weights=None, target=None, widen=True, inverse=True, cross=False):
    """One golden case. `make` builds the scikit-learn object from the parameters; `attributes` are names of its fitted
    attributes, or pairs of a name and a function that reads it. With `cross`, the case holds what `fit_transform` makes of the
    training table too.
    """
    test = train if test is None else test
    result = {"name": name, "parameters": plain(parameters), "train": table(train)}
    if weights is not None:
        result["weights"] = plain(weights)
    if target is not None:
        result["target"] = plain(column(target))
    if test is not train:
        result["test"] = table(test)
    try:
        weighed = {} if weights is None else {"sample_weight": np.array(weights)}
        aimed = [] if target is None else [np.array(target)]
        fitted = make(**parameters).fit(frame(train, widen), *aimed, **weighed)
    except (ValueError, TypeError) as error:
        return result | {"refused": "fit", "message": str(error).splitlines()[0][:120]}
    read = [(own, lambda f, own=own: getattr(f, own)) if isinstance(own, str) else own for own in attributes]
    result["attributes"] = {own: plain(of(fitted)) for own, of in read}
    result["names"] = list(fitted.get_feature_names_out())
    try:
        output = fitted.transform(frame(test, widen))
    except (ValueError, TypeError) as error:
        return result | {"refused": "transform", "message": str(error).splitlines()[0][:120]}
    output = dense(output)
    # Column by column: the table's layout, and easy to compare.
    result["output"] = [plain(output[:, j]) for j in range(output.shape[1])]
    if cross:
        try:
            crossed = dense(make(**parameters).fit_transform(frame(train, widen), *aimed, **weighed))
        except (ValueError, TypeError) as error:
            return result | {"refused": "fit_transform", "message": str(error).splitlines()[0][:120]}
        result["fit_transform"] = [plain(crossed[:, j]) for j in range(crossed.shape[1])]
    # Nothing but dropped categories leaves no column, which scikit-learn does not take back.
    if inverse and output.shape[1] > 0 and hasattr(fitted, "inverse_transform"):
        try:
            back = fitted.inverse_transform(output.copy())
        except (ValueError, TypeError):
            return result | {"inverse": "refused"}
        except IndexError:
            # OrdinalEncoder trips over infrequent categories beside a missing one.
            return result
        result["inverse"] = [plain(back[:, j]) for j in range(back.shape[1])]
    return result


def dense(output):
    """What a transformer answers, as an array."""
    output = output.toarray() if hasattr(output, "toarray") else np.asarray(output)
    if output.dtype == object and all(isinstance(value, bool) for value in output.ravel()):
        output = output.astype(float)
    return output


def rng(seed):
    return np.random.default_rng(seed)


def holes(values, generator, share=0.2):
    return [None if generator.random() < share else float(v) for v in values]


def numeric_tables():
    """Tables that every scaler and imputer gets."""
    g = rng(1)
    yield "normal", {"a": column(g.normal(size=40)), "b": column(g.normal(3, 10, size=40))}
    g = rng(2)
    yield "ties", {"a": column(g.integers(0, 4, 50).astype(float)), "b": column(np.repeat([1.5, 2.5], 25))}
    yield "constant", {"zero": column([0.0] * 9), "one": column([1.0] * 9), "tenth": column([0.1] * 9), "huge": column([1e12 + 0.1] * 9)}
    yield "single row", {"a": column([3.25]), "b": column([-7.0])}
    g = rng(3)
    yield "offset 1e9", {"a": column(1e9 + g.normal(size=300)), "b": column(-1e9 + 1e-3 * g.normal(size=300))}
    g = rng(4)
    yield "offset 1e12", {"a": column(1e12 + g.normal(size=1000))}
    g = rng(5)
    yield "tiny", {"a": column(1e-300 * g.normal(size=30)), "b": column(1e-12 * g.normal(size=30)), "c": column([5e-324, 0.0, 1e-323] * 10)}
    g = rng(6)
    yield "with missing", {"a": column(holes(g.normal(size=137), g)), "b": column(holes(1e6 + g.normal(size=137), g, 0.6)), "c": column(g.normal(size=137))}
    yield "all missing beside present", {"a": column([1.0, 2.0, 4.0]), "b": column([None, None, None], "float64")}
    yield "one value", {"a": column([None, 5.0, None]), "b": column([None, None, -1.0])}
    g = rng(7)
    yield "mixed types", {"i": column(g.integers(-50, 50, 64)), "f": column(g.normal(size=64).astype(np.float32).astype(float), "float32"), "b": column(g.random(64) < 0.5), "d": column(g.normal(size=64))}
    g = rng(8)
    yield "wide range", {"a": column(10.0 ** g.uniform(-150, 150, 60)), "b": column(g.lognormal(0, 4, 60))}
    g = rng(9)
    yield "many rows", {"a": column(g.normal(100, 3, 3000)), "b": column(g.exponential(1, 3000).round(3))}
    g = rng(10)
    yield "mostly zeros", {"a": column(np.where(g.random(200) < 0.7, 0.0, g.exponential(3, 200)))}
    yield "near constant", {"a": column([1.0, 1.0 + 2.3e-16, 1.0] * 20), "b": column([1e8, 1e8 + 1e-7, 1e8] * 20)}
    yield "infinity", {"a": column([1.0, math.inf, 2.0])}


LATER = {"a": column([0.0, -5.5, 1e300, None]), "b": column([7.0, None, -1e-5, 1e9])}
