"""Makes the golden files of `mlcore::experiment`: what gbstats, spotify-confidence, statsmodels, scipy, ssrm-test and confseq answer.

    pip install gbstats==0.8.0 spotify-confidence==4.1.0 statsmodels==0.15.0 scipy==1.17.1 ssrm-test==0.1.5 mpmath==1.4.1
    pip install matplotlib multiprocess
    PYTHONPATH=confseq/src python testdata/golden/make_experiment.py [file ..]

in an environment of its own (gbstats wants numpy 1 and pandas 1), writes all files, or those that are named (`effects`, `power`).
`confseq` is the checkout of https://github.com/gostevehoward/confseq at v0.0.11, whose Python part needs no compiler, while its package
is built with Boost.
"""

import importlib.metadata
import json
import pathlib
import sys

from experiment_cases import FILES, bayes, daily, effects, group_sequential, moments, power, sequential, srm, two_samples

HERE = pathlib.Path(__file__).parent / "experiment"
PACKAGES = ["gbstats", "spotify-confidence", "statsmodels", "scipy", "numpy", "ssrm-test", "mpmath"]
MODULES = [bayes, daily, effects, group_sequential, moments, power, sequential, srm, two_samples]


def main():
    assert all(module.__name__ for module in MODULES)
    header = {"made_by": "testdata/golden/make_experiment.py", "confseq": "0.0.11"}
    header.update({package: importlib.metadata.version(package) for package in PACKAGES})
    for name, cases in FILES.items():
        if sys.argv[1:] and name not in sys.argv[1:]:
            continue
        made = list(cases())
        assert len(made) >= 10, (name, len(made))
        lines = ",\n".join(json.dumps(case) for case in made)
        (HERE / f"{name}.json").write_text(f'{{"header": {json.dumps(header)},\n"cases": [\n{lines}\n]}}\n')
        print(f"{name}: {len(made)} cases")


if __name__ == "__main__":
    main()
