"""An A/B test from its design to a decision, on a real one: ``python ab_test.py FOLDER``, which the page is left in.

It is the test that the program in Rust beside this file does, with the same numbers: people of one site plan it, those of the others come in
by waves of 500 and are looked at always, and what came out is decided for three metrics and for women and men.
"""

import sys
from pathlib import Path

import pandas as pd

from mlcore.experiment import Estimate, Experiment, Metric, compare, minimum_detectable_effect, sample_size

DATA = Path(__file__).resolve().parents[2] / "testdata" / "datasets" / "randhie.parquet"
EFFECT, POWER = 0.15, 0.8
OTHER_SITES = [2, 3, 4, 5, 6]


def shuffled(count, seed):
    """The numbers below ``count`` in an order drawn by SplitMix64 (Fisher and Yates), which is what Rust draws by."""
    order, mask = list(range(count)), (1 << 64) - 1
    for last in range(count - 1, 0, -1):
        seed = (seed + 0x9E3779B97F4A7C15) & mask
        bits = ((seed ^ (seed >> 30)) * 0xBF58476D1CE4E5B9) & mask
        bits = ((bits ^ (bits >> 27)) * 0x94D049BB133111EB) & mask
        other = (bits ^ (bits >> 31)) % (last + 1)
        order[last], order[other] = order[other], order[last]
    return order


def people(rows, sites, years):
    """A row for each person of these sites, in the order of the table."""
    rows = rows[rows["site"].isin(sites) & rows["year"].isin(years)]
    first = rows.groupby("person", sort=False).first()
    visits = rows.groupby("person", sort=False)["visits"]
    return pd.DataFrame(
        {
            "cover": first["plan"].map(lambda plan: "free" if plan == "free" else "shared"),
            "sex": first["sex"],
            "chronic_diseases": first["chronic_diseases"],
            "years": visits.size(),
            "visits": visits.mean(),
            "went": visits.first() > 0,
        }
    )


def of(frame, cover):
    return frame[frame["cover"] == cover]


folder = Path(sys.argv[1] if len(sys.argv) > 1 else "ab-test")
table = pd.read_parquet(DATA)

# The plan, by what people of the first site did whose care was free.
enrolled = people(table, OTHER_SITES, [1])["cover"].value_counts()
free, shared = int(enrolled["free"]), int(enrolled["shared"])
pilot = of(people(table, [1], [1]), "free")["visits"]
estimate = Estimate.of_mean(pilot)
control, treatment = sample_size(estimate, EFFECT, POWER, ratio=shared / free)
print(
    f"The plan: {len(pilot)} people of site 1 saw a doctor {estimate.mean:.2f} times a year. To find a change by {EFFECT:.0%} with a power of "
    f"{POWER:.0%}, {control} people with free care are needed and {treatment} who pay a share.".replace("%", " %")
)
seen = minimum_detectable_effect(estimate, free, POWER, ratio=shared / free)
print(f"The {free} and {shared} who were enrolled elsewhere show a change by {seen * 100:.1f} %.")

# Who stayed for three years comes in by waves, and is looked at always.
stayed = people(table, OTHER_SITES, [1, 2, 3])
stayed = stayed[stayed["years"] == 3]
stayed = stayed.iloc[shuffled(len(stayed), 1)]
experiment = Experiment(
    "A share of the cost of care",
    {"free": free, "shared": shared},
    [
        # An insurer wants fewer visits.
        Metric("visits a year", "visits", preferred_direction="decrease"),
        # Who was ill before sees doctors more often, whatever they cost: so much of the variance is not the experiment's.
        Metric(
            "visits a year, by diseases before",
            "visits",
            covariates=("chronic_diseases",),
            preferred_direction="decrease",
            segmented=False,
        ),
        # Nobody is to be kept from a doctor altogether: at most one in twenty of those who go.
        Metric("saw a doctor in the first year", "went", kind="proportion", margin=0.05, segmented=False),
    ],
    arm="cover",
    segments=["sex"],
    srm="sequential",
    planned_units=control + treatment,
)
for start in range(0, len(stayed), 500):
    wave = stayed.iloc[start : start + 500]
    experiment.update(wave)
    so_far = stayed.iloc[: start + len(wave)]
    arms = [Estimate.of_mean(of(so_far, cover)["visits"]) for cover in ("free", "shared")]
    effect = compare(*arms, inference="sequential", tuning_parameter=control + treatment)
    print(
        f"{len(so_far)} people: {effect.estimate * 100:+.1f} % visits [{effect.low * 100:+.1f} %, {effect.high * 100:+.1f} %]; "
        f"sample ratio p = {experiment.report().srm_pvalue:.2f}"
    )

report = experiment.report()
print(f"\n{report}")
folder.mkdir(parents=True, exist_ok=True)
(folder / "report.html").write_text(report.to_html(), encoding="utf-8")
(folder / "report.json").write_text(report.to_json(), encoding="utf-8")
print(f"The page: {folder / 'report.html'}")
