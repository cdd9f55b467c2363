"""The steps of `mlflow_script.py`, a module for each thing; each module's `STEPS` are run in their order."""
