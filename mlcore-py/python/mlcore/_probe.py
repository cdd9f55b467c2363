"""The child of a probe, which :class:`mlcore.runner.Probe` starts: it tries a model, answers, and ends."""

from mlcore._mlcore import runner

if __name__ == "__main__":
    runner._serve_probe()
