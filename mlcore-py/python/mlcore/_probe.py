"""The child of a probe, which :class:`mlcore.runner.Probe` starts: it tries a model, answers, and ends."""

from mlcore._mlcore.runner import _serve_probe

if __name__ == "__main__":
    _serve_probe()
