"""Texts as numbers.

scikit-learn's vectorizers read one column. Of several, each gets one of its own here, and features are named by column and term.
"""

import math

import numpy as np
from sklearn.feature_extraction import FeatureHasher
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer

from feature_cases import case, column, golden, rng

NOTES = [
    "The quick brown fox jumps over the lazy dog",
    "the dog is lazy; the fox is quick",
    "",
    "   \t\n ",
    "Don't panic: it's 42, or 4.2e1, or x_1!",
    "a b c I",
    "Zürich Ärger STRASSE straße ΟΔΟΣ İstanbul ΣΑΣ",
    "naïve naïve café",
    "हिन्दी में लिखा 漢字かな交じり文 한국어 русский язык",
    "x² ½ Ⅷ ٣٤ Ⓐbc 😀😀 a\u200bb",
    "line one\nline  two\r\n\tline\u00a0three\x1cfour",
    "dog dog dog fox " * 9,
    "the the the the the",
]
LATER = ["the dog that was never seen", "", "Quick QUICK quick 42", "Straße\u0301 हिन्दी", "dog " * 20 + "fox"]
TITLES = ["Fox", "dog and fox", "none", "blank", "numbers here", "letters", "words", "accents", "scripts", "signs", "lines", "dog", "the"]

TABLES = {
    "notes": ({"note": column(NOTES)}, {"note": column(LATER)}),
    "two columns": ({"note": column(NOTES), "title": column(TITLES)}, {"title": column(TITLES[:5]), "note": column(LATER)}),
    "single row": ({"note": column(["one fox", "two"])}, {"note": column(["fox one one"])}),
}


class OfColumns:
    """A vectorizer for each column."""

    def __init__(self, kind, names, **parameters):
        self.kind, self.names, self.parameters = kind, names, parameters

    def fit(self, frame):
        ranged = {key: tuple(value) if key == "ngram_range" else value for key, value in self.parameters.items()}
        self.columns = list(frame.columns)
        self.fitted = [self.kind(**ranged).fit(self.documents(frame, name)) for name in self.columns]
        # Hashing looks at texts only now.
        self.transform(frame)
        return self

    def transform(self, frame):
        return np.hstack([own.transform(self.documents(frame, name)).toarray() for name, own in zip(self.columns, self.fitted)])

    def documents(self, frame, name):
        # They refuse the one NaN that numpy has a name for.
        return [np.nan if isinstance(text, float) else text for text in frame[name]]

    def get_feature_names_out(self):
        if len(self.columns) == 1:
            return self.names(self.fitted[0])
        return [f"{name}__{term}" for name, own in zip(self.columns, self.fitted) for term in self.names(own)]

    def learnt(self, read):
        return read(self.fitted[0]) if len(self.fitted) == 1 else [read(own) for own in self.fitted]


def terms(fitted):
    return sorted(fitted.vocabulary_, key=fitted.vocabulary_.get)


VOCABULARY = ("vocabulary_", lambda f: f.learnt(terms))
CUT = [
    {"lowercase": False},
    {"ngram_range": [1, 2]},
    {"ngram_range": [2, 3]},
    {"token_pattern": r"(?u)\b\w+\b"},
    {"token_pattern": r"\b\w{4,}\b", "ngram_range": [1, 3]},
    {"token_pattern": r"\S+"},
    {"strip_accents": "ascii"},
    {"strip_accents": "unicode"},
    {"strip_accents": "unicode", "lowercase": False, "analyzer": "char"},
    {"stop_words": ["the", "dog", "or"]},
    {"stop_words": "english"},
    {"stop_words": "english", "ngram_range": [1, 2], "lowercase": False},
    {"stop_words": ["The"], "ngram_range": [1, 2]},
    {"analyzer": "char"},
    {"analyzer": "char", "ngram_range": [2, 4], "lowercase": False},
    {"analyzer": "char_wb", "ngram_range": [1, 1]},
    {"analyzer": "char_wb", "ngram_range": [3, 6]},
    {"binary": True},
]
REFUSED = [("ngram_range", {"ngram_range": [2, 1]})]


def told(parameters):
    return ", ".join(f"{name}={value}" for name, value in parameters.items())


@golden
def hashing_vectorizer():
    def make(**parameters):
        return OfColumns(HashingVectorizer, lambda f: [f"hashingvectorizer{i}" for i in range(f.n_features)], **parameters)

    for name, (train, later) in TABLES.items():
        yield case(name, make, {"n_features": 16}, train, (), later)
    for parameters in CUT:
        yield case(told(parameters), make, {"n_features": 23, **parameters}, *TABLES["notes"][:1], (), TABLES["notes"][1])
    yield case("one feature", make, {"n_features": 1}, *TABLES["notes"][:1], (), TABLES["notes"][1])
    yield case("many features", make, {"n_features": 1024}, *TABLES["single row"][:1], (), TABLES["single row"][1])
    for parameters in [{"norm": "l1"}, {"norm": None}, {"alternate_sign": False}, {"norm": None, "binary": True}, {"norm": None, "alternate_sign": False}]:
        yield case(told(parameters), make, {"n_features": 7, **parameters}, *TABLES["notes"][:1], (), TABLES["notes"][1])
    yield case("no features", make, {"n_features": 0}, *TABLES["notes"][:1])
    yield case("a norm of none", make, {"n_features": 8, "norm": "max"}, *TABLES["notes"][:1])
    for name, parameters in REFUSED:
        yield case(name, make, {"n_features": 8, **parameters}, *TABLES["notes"][:1])
    yield case("missing", make, {"n_features": 8}, {"note": column(["a fox", None])})
    yield case("missing later", make, {"n_features": 8}, TABLES["notes"][0], (), {"note": column(["a fox", None])})


class OfRows:
    """A FeatureHasher of rows as dicts, or as lists of tokens, without what is missing."""

    def __init__(self, **parameters):
        self.hasher = FeatureHasher(**parameters)

    def rows(self, frame):
        for _, row in frame.iterrows():
            own = {name: value for name, value in row.items() if not (isinstance(value, float) and math.isnan(value))}
            if any(isinstance(value, float) and math.isinf(value) for value in own.values()):
                raise ValueError("scikit-learn would hash an infinity, which mlcore refuses everywhere")
            yield own if self.hasher.input_type == "dict" else list(own.values())

    def fit(self, frame):
        self.hasher.fit()
        self.transform(frame)
        return self

    def transform(self, frame):
        return self.hasher.transform(self.rows(frame.astype(object))).toarray()

    def get_feature_names_out(self):
        return [f"featurehasher{i}" for i in range(self.hasher.n_features)]


@golden
def feature_hasher():
    g = rng(41)
    words = ["Rome", "Oslo", "", "Zürich", "a city with a long name", "São Paulo"]
    cities = {"city": column(g.choice(words, 30).tolist()), "plan": column([None if g.random() < 0.3 else str(v) for v in g.choice(["free", "pro"], 30)])}
    numbers = {"rooms": column(g.integers(0, 4, 30)), "price": column([None if g.random() < 0.2 else float(v) for v in g.normal(size=30)]), "new": column(g.random(30) < 0.5)}
    mixed = {"city": cities["city"], "rooms": numbers["rooms"], "plan": cities["plan"], "price": numbers["price"], "new": numbers["new"]}
    later = {"new": column([True, False]), "price": column([1e300, None]), "plan": column([None, "never seen"]), "rooms": column([0, -7]), "city": column(["Rome", "Oslo"])}
    many = {f"column {i}": column(g.normal(size=12)) for i in range(60)}
    tables = {"texts": cities, "numbers": numbers, "mixed": mixed, "many numbers": many}
    for name, table in tables.items():
        for n_features in [1, 3, 16]:
            yield case(f"{name}, {n_features} features", OfRows, {"n_features": n_features}, table, (), later if name == "mixed" else None)
        yield case(f"{name}, one sign", OfRows, {"n_features": 5, "alternate_sign": False}, table)
    yield case("tokens", OfRows, {"n_features": 8, "input_type": "string"}, cities)
    yield case("tokens, one sign", OfRows, {"n_features": 8, "input_type": "string", "alternate_sign": False}, cities)
    yield case("one column of tokens", OfRows, {"n_features": 50, "input_type": "string"}, {"city": cities["city"]})
    yield case("tokens that are numbers", OfRows, {"n_features": 8, "input_type": "string"}, numbers)
    yield case("pairs", OfRows, {"n_features": 8, "input_type": "pair"}, cities)
    yield case("no features", OfRows, {"n_features": 0}, cities)
    yield case("infinity", OfRows, {"n_features": 8}, {"x": column([1.0, math.inf])})


# Those that scikit-learn chooses among are not equally frequent.
LIMITS = [
    {"max_df": 2},
    {"min_df": 2},
    {"max_df": 0.25},
    {"min_df": 0.2, "max_df": 0.5},
    {"min_df": 1.0},
    {"max_df": 1.0},
    {"max_features": 3},
    {"max_features": 1000},
    {"vocabulary": ["dog", "fox", "missing", "the"]},
    {"vocabulary": ["dog", "the dog"], "ngram_range": [1, 2]},
    {"vocabulary": ["dog", "dog"]},
    {"vocabulary": []},
    {"min_df": 5, "max_df": 2},
    {"max_df": 0},
    {"min_df": 12, "max_df": 13},
    {"max_features": 0},
]


def counting(make, attributes, extra):
    for name, (train, later) in TABLES.items():
        yield case(name, make, {}, train, attributes, later)
    train, later = TABLES["notes"]
    for parameters in [*CUT, *LIMITS, *extra]:
        yield case(told(parameters), make, parameters, train, attributes, later)
    for name, parameters in REFUSED:
        yield case(name, make, parameters, train)
    yield case("two columns of characters", make, {"analyzer": "char"}, *TABLES["two columns"][:1], attributes, TABLES["two columns"][1])
    yield case("missing", make, {}, {"note": column(["a fox", None])})
    yield case("missing later", make, {}, train, attributes, {"note": column(["a fox", None])})
    yield case("no terms", make, {}, {"note": column(["a b", "", "!"])})
    yield case("nothing but stop words", make, {"stop_words": ["fox"]}, {"note": column(["fox", "Fox"])})


@golden
def count_vectorizer():
    def make(**parameters):
        return OfColumns(CountVectorizer, lambda f: list(f.get_feature_names_out()), **parameters)

    yield from counting(make, [VOCABULARY], [])


@golden
def tfidf_vectorizer():
    def make(**parameters):
        return OfColumns(TfidfVectorizer, lambda f: list(f.get_feature_names_out()), **parameters)

    def idf(fitted):
        return fitted.learnt(lambda own: own.idf_.tolist() if own.use_idf else None)

    weighing = [
        {"norm": "l1"},
        {"norm": None},
        {"norm": "max"},
        {"use_idf": False},
        {"smooth_idf": False},
        {"sublinear_tf": True},
        {"sublinear_tf": True, "binary": True, "norm": None},
        {"use_idf": False, "norm": None, "sublinear_tf": True},
    ]
    yield from counting(make, [VOCABULARY, ("idf_", idf)], weighing)
