"""Makes `version-2.db`: a registry file as mlcore wrote it before rows were committed to in the audit log.

It needs the mlcore of that time (a commit before the tables' version 3); the file is never made anew.
"""

from pathlib import Path

import mlcore

FILE = Path(__file__).with_name("version-2.db")

with mlcore.Registry(FILE, artifacts="memory:", actor="ana") as registry:
    for name in ["churn", "fraud", "gone"]:
        registry.create_model(name, tags={"team": "growth"})
    for number in range(1, 71):
        registry.register("churn", b"model %d" % number, format="text", request=f"r{number}")
    registry.transition("churn", 70, "staging")
    registry.promote("churn", 70, "champion", expected=None)
    registry.set_alias("churn", "challenger", 3)
    registry.delete_version("churn", 65)
    registry.register("fraud", b"other", format="text", metrics={"auc": 0.8})
    registry.delete_model("gone")
    print(registry.verify())
