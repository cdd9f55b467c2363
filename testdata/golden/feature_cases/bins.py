"""Numbers as the bins that they fall into."""

from sklearn.preprocessing import KBinsDiscretizer

from feature_cases import case, column, golden, numeric_tables, rng


@golden
def k_bins_discretizer():
    attributes = [("bin_edges_", lambda f: [list(e) for e in f.bin_edges_]), "n_bins_"]

    def binned(name, parameters, train, test=None):
        return case(name, KBinsDiscretizer, {"encode": "ordinal", **parameters}, train, attributes, test)

    methods = ["inverted_cdf", "averaged_inverted_cdf", "closest_observation", "interpolated_inverted_cdf", "hazen", "weibull", "linear", "median_unbiased", "normal_unbiased"]
    tables = {name: columns for name, columns in numeric_tables() if name not in {"with missing", "all missing beside present", "one value", "many rows"}}
    for strategy in ["uniform", "quantile", "kmeans"]:
        for name, columns in tables.items():
            parameters = {"strategy": strategy}
            if strategy == "kmeans" and name in {"ties", "mixed types", "near constant"}:
                # With fewer distinct values than bins, scikit-learn moves an empty cluster to one of several equally far
                # values: the one that numpy's argpartition happens to leave there, which depends on the processor.
                parameters["n_bins"] = 2
            yield binned(f"{strategy}: {name}", parameters, columns)
        yield binned(f"{strategy}: unseen values", {"strategy": strategy}, {"a": tables["normal"]["a"]}, {"a": column([-1e300, 0.0, 1e300, -0.5])})
        yield binned(f"{strategy}: missing", {"strategy": strategy}, {"a": column([1.0, None, 2.0])})
        yield binned(f"{strategy}: missing later", {"strategy": strategy}, {"a": column([1.0, 2.0, 3.0, 4.0, 5.0])}, {"a": column([None])})
        yield binned(f"{strategy}: one-hot", {"strategy": strategy, "encode": "onehot-dense", "n_bins": 3}, tables["normal"])
        yield binned(f"{strategy}: one-hot of few bins", {"strategy": strategy, "encode": "onehot-dense"}, tables["constant"] | {"ties": column([0.0] * 7 + [1.0, 5.0])})
        yield binned(f"{strategy}: bins per column", {"strategy": strategy, "n_bins": [2, 7]}, tables["normal"])
        yield binned(f"{strategy}: narrow", {"strategy": strategy, "n_bins": 4}, {"a": column([1.0, 1.0 + 1e-9, 1.0 + 2e-9, 1.0 + 5e-9])})
    for method in methods:
        for n, seed in [(2, 20), (7, 21), (40, 22)]:
            values = rng(seed).normal(size=n)
            yield binned(f"{method}: {n} values", {"quantile_method": method, "n_bins": 4}, {"a": column(values)})
        yield binned(f"{method}: ties", {"quantile_method": method, "n_bins": 6}, tables["ties"])
    big = {"a": column(rng(23).normal(size=2000))}
    for state in [0, 42]:
        yield binned(f"subsample {state}", {"subsample": 500, "random_state": state, "n_bins": 8}, big, {"a": column([0.0])})
    for name in ["normal", "ties", "constant"]:
        yield binned(f"uniform, of all rows: {name}", {"strategy": "uniform", "subsample": None}, tables[name])
    yield binned("uniform, of all rows: one-hot", {"strategy": "uniform", "subsample": None, "encode": "onehot-dense", "n_bins": 3}, tables["normal"])
    yield binned("k-means with a far value", {"strategy": "kmeans", "n_bins": 3}, {"a": column([0.0, 0.1, 0.2, 0.3, 50.0, 1000.0])})
    yield binned("k-means with few values", {"strategy": "kmeans", "n_bins": 5}, {"a": column([0.0, 1.0])})
    # A bin in the middle begins without values. The least and the greatest value are equally far from their centres then, and
    # where they are so to the last bit, the processor decides: nearly always for the last.
    gaps = [([0, 0.5, 2, 3, 9, 10], 5), ([-1.06, 0.21, 18.85, 20.34, 19.51], 3), ([1.6, 0.2, -1.73, 19.92, 18.84, 19.37, 19.51], 3), ([0, 0.5, 9, 10], 3)]
    gaps += [([*rng(seed).normal(0, 1, 9).round(2), *rng(seed + 50).normal(20, 1, 6).round(2)], 3 + seed % 3) for seed in range(24, 30)]
    for number, (values, bins) in enumerate(gaps):
        yield binned(f"k-means over a gap {number}", {"strategy": "kmeans", "n_bins": bins}, {"a": column(map(float, values))})
    yield binned("one bin", {"n_bins": [1]}, {"a": column([0.0, 1.0])})
