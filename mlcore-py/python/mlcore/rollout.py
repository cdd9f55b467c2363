"""Who gets which version, and may the new one grow?

Arms are aliases of the registry. A policy is an object that may be shared: what is done to it counts in the endpoint that it
was given to. It saves itself as a dict, pickles, and goes on where it was.

>>> from mlcore import rollout
>>> canary = rollout.Canary(salt="churn/7", guardrails=[rollout.Guardrail("error_rate", 0.02)])
>>> rollout.Shadowed(canary, ["next"], share=0.1)
Shadowed(<mlcore.rollout.Canary canary against champion: step 1 of 3, 5.000 %>, ['next'], share=0.1)
>>> rollout.from_state(canary.save()).share
0.05
>>> 0.0 <= rollout.bucket("churn/7", "user-17") < 1.0
True

Whole columns of units are assigned at once:

>>> split = rollout.Weighted("homepage", {"champion": 3, "challenger": 1})
>>> frame = split.assign_many([f"user-{number}" for number in range(4000)], ["champion", "challenger"])
>>> shares = frame["arm"].value_counts() / len(frame)
>>> bool(abs(shares["challenger"] - 0.25) < 0.03)
True
"""

from mlcore._mlcore.rollout import *
