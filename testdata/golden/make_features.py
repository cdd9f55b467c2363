"""Makes the golden files of mlcore-features: what scikit-learn answers to seeded inputs.

Run it with the versions of testdata/requirements.txt:

    python testdata/golden/make_features.py [FILE ...]

The files of transformers that are category_encoders' or feature-engine's need testdata/requirements-features.txt too, and are left
as they are without it.

The cases are in feature_cases/, a function for each file. Each file holds the cases of one transformer: its parameters, a training table, a table to transform, and either the
fitted attributes, the names and the numbers of the output, or the step that refuses the input. Floats carry all their
digits; what JSON cannot say is written "NaN", "Infinity" and "-Infinity"; null is a missing value.

scikit-learn knows one missing value, NaN, and it is what null stands for here. Columns are laid out one after another
in memory, as in a data frame: the order in which numpy adds depends on it. float32 columns are widened to float64
before scikit-learn sees them, except by the encoders, because mlcore computes in float64 throughout.
"""

import importlib
import importlib.util
import json
import pathlib
import pkgutil
import sys
import warnings
from importlib import metadata

import feature_cases

warnings.filterwarnings("ignore")
FOLDER = pathlib.Path(__file__).parent / "features"


def write(name, cases):
    names = [own["name"] for own in cases]
    assert len(set(names)) == len(names) >= 12, (name, len(names))
    libraries = [feature_cases.LIBRARIES.get(name, "scikit-learn"), "numpy"]
    made_by = ", ".join(f"{library} {metadata.version(library)}" for library in libraries)
    document = {"made_by": made_by, "cases": cases}
    path = FOLDER / f"{name}.json"
    path.write_text(json.dumps(document, separators=(",", ":"), allow_nan=False) + "\n")
    print(f"{path.name}: {len(cases)} cases, {path.stat().st_size} bytes")


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for module in pkgutil.iter_modules(feature_cases.__path__):
        importlib.import_module(f"feature_cases.{module.name}")
    for name in sys.argv[1:] or sorted(feature_cases.FILES):
        library = feature_cases.LIBRARIES.get(name)
        if library is not None and importlib.util.find_spec(library) is None:
            print(f"{name}.json is left as it is: there is no {library}; pip install -r testdata/requirements-features.txt")
            continue
        write(name, list(feature_cases.FILES[name]()))
