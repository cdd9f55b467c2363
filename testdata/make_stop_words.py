"""Writes the list of English stop words that the vectorizers of mlcore-features have: scikit-learn's, which is under the BSD
3-Clause license.

Run it with the versions of testdata/requirements.txt:

    python testdata/make_stop_words.py

A stored plan names the list and does not hold it: a list that changes what is there changes what stored plans mean.
"""

import pathlib

import sklearn
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

PATH = pathlib.Path(__file__).parents[1] / "mlcore-features/src/transform/text/stop_words_english.txt"

if __name__ == "__main__":
    head = [
        f"# Made by testdata/make_stop_words.py of scikit-learn {sklearn.__version__}, sklearn/feature_extraction/_stop_words.py,",
        "# Copyright (c) The scikit-learn developers, BSD 3-Clause. The list is that of the Glasgow Information Retrieval Group.",
    ]
    PATH.write_text("\n".join([*head, *sorted(ENGLISH_STOP_WORDS)]) + "\n")
    print(f"{PATH.name}: {len(ENGLISH_STOP_WORDS)} words")
