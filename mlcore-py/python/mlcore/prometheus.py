"""What the library measures, for Prometheus, under the names of the program ``mlcore-serve``.

:func:`mlcore.metrics_text` is the text of a scrape. A process that renders a registry of ``prometheus_client`` adds
:class:`Collector` to it, and scrapes answer both.
"""

from mlcore._mlcore.prometheus import *
from mlcore._mlcore.prometheus import metrics_text, tell_verdict
from mlcore.exceptions import MissingPackageError

__all__ = ["Collector", "metrics_text", "tell_verdict"]


class Collector:
    """What every endpoint and server of this process has counted, for a registry of ``prometheus_client``.

    The process's own figures (``process_*``) are left to the collector of ``prometheus_client``.

    Raises
    ------
    MissingPackageError
        Without ``prometheus_client``.

    Examples
    --------
    >>> import mlcore, prometheus_client                                       # doctest: +SKIP
    >>> prometheus_client.REGISTRY.register(mlcore.prometheus.Collector())      # doctest: +SKIP
    """

    def __init__(self):
        try:
            from prometheus_client.parser import text_string_to_metric_families
        except ImportError as missing:
            problem, remedy = "it is not installed", "install it: pip install prometheus-client"
            raise MissingPackageError(
                f"collect metrics prometheus_client: {problem}; {remedy}",
                operation="collect metrics",
                subject="prometheus_client",
                problem=problem,
                remedy=remedy,
            ) from missing
        self._parse = text_string_to_metric_families

    def collect(self):
        """The families of metrics, as ``prometheus_client`` asks for them."""
        for family in self._parse(metrics_text()):
            if not family.name.startswith("process_"):
                yield family

    def describe(self):
        """Nothing: the names are known when something is measured."""
        return []
