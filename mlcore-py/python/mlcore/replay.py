"""What would another policy have done with this traffic? A prediction log runs against a policy, a bandit, guardrails or a detector
before any of them is deployed.

>>> from mlcore import replay, rollout
>>> log = replay.ReplayLog.read("log", model="risk")                              # doctest: +SKIP
>>> guardrails = [rollout.Guardrail("error_rate", 0.01)]
>>> report = log.replay(rollout.Canary(salt="release-7", guardrails=guardrails))  # doctest: +SKIP
>>> print(report)                                                                 # doctest: +SKIP
>>> report.shares_frame().plot(x="at")                                            # doctest: +SKIP

Matching, and rejection for policies that learn: L. Li, W. Chu, J. Langford and X. Wang, "Unbiased offline evaluation of
contextual-bandit-based news article recommendation algorithms" (2011), and for logs whose propensities differ M. Dudik, D. Erhan,
J. Langford and L. Li, "Sample-efficient nonstationary policy evaluation for contextual bandits" (2012).
"""

from mlcore._mlcore.replay import *
