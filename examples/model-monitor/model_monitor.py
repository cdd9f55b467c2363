"""A model's monitor for a job: what changed, column by column, and what it found as Prometheus' text."""

import time

import mlcore
from mlcore import drift


class ModelMonitor:
    def __init__(self, model_name, reference_data):
        self.model_name, self.reference_data = model_name, reference_data
        self.predictions = self.seconds = 0

    def detect_data_drift(self, current_data, threshold=0.1):
        """The statistic, the corrected p-value and the judgement of each column's test."""
        verdict = drift.report(self.reference_data, current_data, alpha=threshold).verdict
        mlcore.prometheus.tell_verdict(self.model_name, verdict)
        tests = [test for test in verdict.columns if test.test != "missing_rate"]
        return {t.column: {"statistic": t.statistic, "p_value": t.pvalue_adjusted, "drift_detected": t.drifted} for t in tests}

    def log_prediction(self, features, predict):
        started = time.perf_counter()
        prediction = predict(features)
        self.predictions, self.seconds = self.predictions + 1, self.seconds + time.perf_counter() - started
        return prediction

    def export_metrics(self):
        """An mlcore.Endpoint counts and times its predictions by itself, under names of its own."""
        own = f"{self.model_name}_prediction_duration_seconds"
        return f"{own}_sum {self.seconds}\n{own}_count {self.predictions}\n" + mlcore.metrics_text()
