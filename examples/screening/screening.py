"""A bandit on real data: ``python screening.py`` asks each person one question, and learns a year later whether it foretold a visit.

It is the bandit of the program in Rust beside this file, with the same numbers: rewards come when 400 others have been asked, and then the
log says, off-policy, what each question by itself would have earned, beside the truth, which the table knows.
"""

from collections import deque
from pathlib import Path

import numpy as np
import pandas as pd

from mlcore.bandit import Bandit, ThompsonBeta
from mlcore.evaluate import off_policy_value

DATA = Path(__file__).resolve().parents[2] / "testdata" / "datasets" / "randhie.parquet"
QUESTIONS = ["went-last-year", "went-twice", "over-ten-diseases", "free-care"]
DELAY = 400


def splitmix64(seed):
    """64 random bits, again and again: what Rust draws by."""
    mask = (1 << 64) - 1
    while True:
        seed = (seed + 0x9E3779B97F4A7C15) & mask
        bits = ((seed ^ (seed >> 30)) * 0xBF58476D1CE4E5B9) & mask
        bits = ((bits ^ (bits >> 27)) * 0x94D049BB133111EB) & mask
        yield bits ^ (bits >> 31)


# Everybody who was there for the first two years, in an order that is drawn.
rows = pd.read_parquet(DATA)
first, second = (rows[rows["year"] == year].set_index("person") for year in (1, 2))
first = first[first.index.isin(second.index)]
went = (second["visits"] > 0).loc[first.index].to_numpy()
answers = np.column_stack([first["visits"] > 0, first["visits"] > 1, first["chronic_diseases"] > 10.0, first["plan"] == "free"])
rewards, lot = (answers == went[:, None]).astype(float), splitmix64(1)
order = list(range(len(rewards)))
for last in range(len(order) - 1, 0, -1):
    other = next(lot) % (last + 1)
    order[last], order[other] = order[other], order[last]
rewards = rewards[order]
truth = rewards.mean(axis=0)

# Thompson's policy keeps a floor of exploration, so that the log can say something of every question.
bandit, lot, due = Bandit(QUESTIONS, ThompsonBeta(), min_prob=0.05), splitmix64(2), deque()
asked, propensities, earned = [], [], []
for row in rewards:
    question, propensity = bandit.draw(next(lot))
    reward = row[QUESTIONS.index(question)]
    asked.append(QUESTIONS.index(question))
    propensities.append(propensity)
    earned.append(reward)
    due.append((question, propensity, reward))
    if len(due) > DELAY:
        # The year of who was asked so long ago is over.
        late, chance, worth = due.popleft()
        bandit.update(late, worth, propensity=chance)

count = len(rewards)
print(f"{count} people were asked one question each; {DELAY} others were asked before its reward came.")
print(
    f"The bandit foretold {sum(earned) / count * 100:.1f} % of the years. Asking the best question always: {truth.max() * 100:.1f} %; one by lot: "
    f"{truth.mean() * 100:.1f} %."
)
regret, by_lot = truth.max() * count - sum(earned), (truth.max() - truth.mean()) * count
print(f"Its regret is {regret:.0f} people, and by lot it would have been {by_lot:.0f}.")
print("What each question earns, by the bandit's own log (95 % intervals), and in truth:")
for place, question in enumerate(QUESTIONS):
    always = np.zeros_like(rewards)
    always[:, place] = 1.0
    ips, snips = (
        off_policy_value(asked, propensities, earned, always, estimator=estimator, reward_range=(0.0, 1.0)) for estimator in ("ips", "snips")
    )
    low, high = ips.interval
    print(
        f"{question:>20}: IPS {ips.value:.3f} [{low:.3f}, {high:.3f}], SNIPS {snips.value:.3f} [{snips.interval[0]:.3f}, "
        f"{snips.interval[1]:.3f}] by {snips.effective_sample_size:.0f} effective rows; truth {truth[place]:.3f}"
    )
