"""What a registry answers about who lets which version go where: records, and policies as data."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, NamedTuple

from mlcore.exceptions import InvalidTypeError

if TYPE_CHECKING:
    from mlcore.registry import _read_policy
else:
    from mlcore._mlcore.registry import _read_policy

__all__ = [
    "Approval",
    "Condition",
    "ConditionCheck",
    "LineageGraph",
    "LineageNode",
    "Marked",
    "PolicyVerdict",
    "PromotionPolicy",
    "Swept",
    "VersionSignature",
]


@dataclass(frozen=True)
class Condition:
    """One thing that a policy asks of a version before it goes to production, decided from what the registry stores alone.

    Its methods make one; ``str`` shows it in words.

    Examples
    --------
    >>> from mlcore.registry import Condition
    >>> str(Condition.metric_at_least("auc", 0.8)), str(Condition.approvals(2, role="lead"))
    ('"auc" at least 0.8', '2 approvals as lead')
    """

    #: What is asked for, such as ``metric_at_least``.
    require: str
    #: How, by name.
    options: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def metric_at_least(cls, metric: str, value: float) -> Condition:
        """A metric of the version is this number or more."""
        return cls("metric_at_least", {"metric": metric, "value": value})

    @classmethod
    def metric_at_most(cls, metric: str, value: float) -> Condition:
        """A metric of the version is this number or less."""
        return cls("metric_at_most", {"metric": metric, "value": value})

    @classmethod
    def no_regression(cls, metric: str, *, greater_is_better: bool, by_at_most: float = 0.0) -> Condition:
        """A metric is worse than the version's in production by ``by_at_most`` at most, in units of the metric. Without one it is met."""
        better = "higher" if greater_is_better else "lower"
        return cls("no_regression", {"metric": metric, "better": better, "by_at_most": by_at_most})

    @classmethod
    def drift_clean(cls, metric: str = "drift.findings") -> Condition:
        """The metric that counts what a monitor or a test of the version's data found is there, and is 0."""
        return cls("drift_clean", {"metric": metric})

    @classmethod
    def data_validated(cls, suite: str, *, digest: str | None = None) -> Condition:
        """The data passed the suite of this name, of this content where a digest is given: a verdict of it is kept in the version's tag
        ``mlcore.validation.<suite>``."""
        return cls("data_validated", {"suite": suite} if digest is None else {"suite": suite, "digest": digest})

    @classmethod
    def signed(cls, *keys: str) -> Condition:
        """The artifact is signed, with one of these keys where some are named: see :meth:`mlcore.Registry.sign`."""
        return cls("signed", {"keys": list(keys)} if keys else {})

    @classmethod
    def card_present(cls) -> Condition:
        """A model card is attached: see :meth:`mlcore.Registry.set_card`."""
        return cls("card_present")

    @classmethod
    def approvals(cls, at_least: int, *, by: Iterable[str] = (), role: str | None = None) -> Condition:
        """So many people have approved the version as it is now; only these where some are named, and in this role where one is."""
        options: dict[str, Any] = {"at_least": at_least}
        people = [by] if isinstance(by, str) else list(by)
        if people:
            options["actors"] = people
        if role is not None:
            options["role"] = role
        return cls("approvals", options)

    @classmethod
    def measured_within(cls, age: float | timedelta) -> Condition:
        """The metrics were set not longer ago than this, in whole seconds."""
        return cls("measured_within", {"seconds": int(age.total_seconds() if isinstance(age, timedelta) else age)})

    def to_dict(self) -> dict[str, Any]:
        """The condition as plain values, which ``json.dumps`` takes."""
        return {"require": self.require, **self.options}

    @classmethod
    def _of(cls, found: Mapping[str, Any]) -> Condition:
        return cls(found["require"], {key: value for key, value in found.items() if key != "require"})

    def __str__(self) -> str:
        return _read_policy(json.dumps({"conditions": [self.to_dict()]}))[1][0]


@dataclass(frozen=True)
class PromotionPolicy:
    """What a version must be before it goes to production: kept with its model, and asked on every way there but a roll-back.

    Raises
    ------
    InvalidInputError
        For a policy that asks for nothing, or for what cannot be compared.

    Examples
    --------
    >>> from mlcore.registry import Condition, PromotionPolicy
    >>> policy = PromotionPolicy([Condition.metric_at_least("auc", 0.8), Condition.approvals(1)], aliases=["champion"])
    >>> policy == PromotionPolicy.from_dict(policy.to_dict())
    True
    """

    #: What must be met, all of it.
    conditions: Sequence[Condition]
    #: Aliases that may be pointed only at versions for which the policy is met.
    aliases: Sequence[str] = ()
    #: Which policy it is: the audit entry that set it. ``None`` for one that no registry keeps.
    revision: int | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        parts = [part if isinstance(part, Mapping) else part.to_dict() for part in _conditions(self.conditions)]
        aliases = [self.aliases] if isinstance(self.aliases, str) else list(self.aliases)
        read = json.loads(_read_policy(_json({"conditions": parts, "aliases": aliases}))[0])
        vars(self).update(
            conditions=tuple(Condition._of(part) for part in read.get("conditions", ())), aliases=tuple(read.get("aliases", ()))
        )

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> PromotionPolicy:
        """The policy of plain values, such as of a file of JSON or TOML. An unknown key is refused."""
        whole = json.loads(_read_policy(_json(dict(found)))[0])
        return cls([Condition._of(part) for part in whole["conditions"]], whole.get("aliases", ()))

    def to_dict(self) -> dict[str, Any]:
        """The policy as plain values, which ``json.dumps`` takes."""
        whole: dict[str, Any] = {"conditions": [part.to_dict() for part in self.conditions]}
        if self.aliases:
            whole["aliases"] = list(self.aliases)
        return whole

    @classmethod
    def _of(cls, found: Mapping[str, Any]) -> PromotionPolicy:
        policy = found["policy"]
        return cls([Condition._of(part) for part in policy["conditions"]], policy.get("aliases", ()), found["revision"])

    def _repr_html_(self) -> str:
        from html import escape

        words = "".join(f"<li>{escape(str(part))}</li>" for part in self.conditions)
        guarded = f"<p>Guards the aliases {escape(', '.join(self.aliases))}.</p>" if self.aliases else ""
        return f"<p>A version goes to production with</p><ul>{words}</ul>{guarded}"


def _conditions(conditions: Any) -> list[Any]:
    parts = [conditions] if isinstance(conditions, (Condition, Mapping)) else list(conditions)
    for part in parts:
        if not isinstance(part, (Condition, Mapping)):
            raise _wrong("conditions", f"one is a {type(part).__name__}", "pass Condition.metric_at_least('auc', 0.8) or another one")
    return parts


def _json(policy: Any) -> str:
    try:
        return json.dumps(policy)
    except (TypeError, ValueError, RecursionError) as cause:
        raise _wrong("policy", f"it holds what is no plain value: {cause}", "pass numbers, text and lists") from cause


def _policy_json(policy: Any) -> str:
    """A policy of a call, read."""
    if isinstance(policy, PromotionPolicy):
        return json.dumps(policy.to_dict())
    if isinstance(policy, Condition):
        return json.dumps({"conditions": [policy.to_dict()]})
    if isinstance(policy, Mapping):
        return _json(dict(policy))
    if isinstance(policy, (list, tuple)):
        return json.dumps(PromotionPolicy(policy).to_dict())
    raise _wrong("policy", f"a PromotionPolicy or a dict is expected, and it is a {type(policy).__name__}", "pass mlcore.registry.PromotionPolicy([..])")


def _wrong(subject: str, problem: str, remedy: str) -> InvalidTypeError:
    message = f"read policy {subject}: {problem}; {remedy}"
    return InvalidTypeError(message, operation="read policy", subject=subject, problem=problem, remedy=remedy)


@dataclass(frozen=True)
class ConditionCheck:
    """A condition, and what was found."""

    condition: Condition
    #: What the stored facts say, in words.
    found: str
    met: bool


@dataclass(frozen=True)
class PolicyVerdict:
    """What a policy says of a version. It is kept in the audit entry of the change that it let through, and in the error of one it refused."""

    #: Which policy it was: the audit entry that set it.
    revision: int
    #: The version that it was compared with.
    champion: int | None
    #: Every condition, in the policy's order.
    checks: tuple[ConditionCheck, ...]

    @property
    def is_met(self) -> bool:
        """Whether every condition is met."""
        return all(check.met for check in self.checks)

    @property
    def unmet(self) -> tuple[ConditionCheck, ...]:
        """The conditions that are not met."""
        return tuple(check for check in self.checks if not check.met)

    def to_dict(self) -> dict[str, Any]:
        """The verdict as plain values, which ``json.dumps`` takes."""
        checks = [{"condition": check.condition.to_dict(), "found": check.found, "met": check.met} for check in self.checks]
        return {"revision": self.revision, "champion": self.champion, "is_met": self.is_met, "checks": checks}

    @classmethod
    def _of(cls, found: Mapping[str, Any]) -> PolicyVerdict:
        checks = tuple(ConditionCheck(Condition._of(check["condition"]), check["found"], check["met"]) for check in found["checks"])
        return cls(found["revision"], found.get("champion"), checks)

    def _repr_html_(self) -> str:
        from html import escape

        rows = "".join(
            f"<tr><td>{'✓' if check.met else '✗'}</td><td>{escape(str(check.condition))}</td><td>{escape(check.found)}</td></tr>"
            for check in self.checks
        )
        return f"<table><thead><tr><th></th><th>condition</th><th>found</th></tr></thead><tbody>{rows}</tbody></table>"


@dataclass(frozen=True)
class Approval:
    """One person's approval of a version as it is."""

    by: str
    role: str | None
    reason: str | None
    #: When, in UTC, by the clock of the one who approved.
    at: datetime
    #: The audit entry that did it.
    sequence: int

    @classmethod
    def _of(cls, found: Mapping[str, Any]) -> Approval:
        return cls(found["by"], found.get("role"), found.get("reason"), _moment(found["at"]), found["sequence"])


@dataclass(frozen=True)
class VersionSignature:
    """A signature of a version's artifact that is kept with the version. :meth:`mlcore.Registry.verify_signature` verifies it."""

    #: The id of the key.
    key: str
    #: How it was signed.
    algorithm: str
    #: The digest that was signed.
    artifact: str
    #: The signature in the form of its signer.
    signature: str

    @classmethod
    def _of(cls, found: Mapping[str, Any]) -> VersionSignature:
        return cls(found["key"], found["algorithm"], found["artifact"], found["signature"])


@dataclass(frozen=True)
class LineageNode:
    """A thing that a version came of, or that came of one."""

    #: ``dataset``, ``plan``, ``run``, ``version``, ``alias``, ``production`` or ``deployment``.
    kind: str
    #: What people call it, such as ``churn/3``.
    label: str
    #: What it is, by name: of a version ``model`` and ``version``, of a data set its ``digest``.
    parts: dict[str, Any]


@dataclass(frozen=True)
class LineageGraph:
    """From the data to what answers. JupyterLab draws it; elsewhere :meth:`to_mermaid` is text that GitHub and others draw."""

    #: What was asked about, first, and then everything that was found.
    nodes: tuple[LineageNode, ...]
    #: Places in ``nodes``: of what was there before, and of what came of it.
    edges: tuple[tuple[int, int], ...]
    #: Versions that others name as their parents and that are not there any more.
    missing: tuple[tuple[str, int], ...]
    #: Whether there is more than was asked for.
    is_cut: bool
    _mermaid: str = field(repr=False, compare=False)

    def to_mermaid(self) -> str:
        """The graph as text for Mermaid: a flow chart from left to right, in which no name is markup."""
        return self._mermaid

    def to_dict(self) -> dict[str, Any]:
        """The graph as plain values, which ``json.dumps`` takes."""
        return {
            "nodes": [{"kind": node.kind, "label": node.label, **node.parts} for node in self.nodes],
            "edges": [list(edge) for edge in self.edges],
            "missing": [{"model": model, "version": version} for model, version in self.missing],
            "is_cut": self.is_cut,
        }

    @classmethod
    def _of(cls, found: Mapping[str, Any], labels: Sequence[str], mermaid: str) -> LineageGraph:
        nodes = tuple(
            LineageNode(node["kind"], label, {key: value for key, value in node.items() if key != "kind"})
            for node, label in zip(found["nodes"], labels)
        )
        edges = tuple((edge["from"], edge["to"]) for edge in found["edges"])
        missing = tuple((of["model"], of["version"]) for of in found.get("missing", ()))
        return cls(nodes, edges, missing, found.get("is_cut", False), mermaid)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/vnd.mermaid": self._mermaid, "text/plain": repr(self)}


@dataclass(frozen=True)
class Marked:
    """Artifacts that no version named at one moment: data, which is kept until it may be swept."""

    #: When they were looked for.
    at: datetime
    #: Their digests, in ascending order.
    artifacts: tuple[str, ...]
    #: Their size in bytes.
    bytes: int

    def to_dict(self) -> dict[str, Any]:
        """The mark as plain values, which ``json.dumps`` takes and :meth:`from_dict` reads."""
        micros = (self.at - _EPOCH) // timedelta(microseconds=1)
        return {"at": micros, "artifacts": list(self.artifacts), "bytes": self.bytes}

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> Marked:
        """What :meth:`to_dict` answered."""
        return cls(_moment(found["at"]), tuple(found["artifacts"]), found["bytes"])

    @classmethod
    def _of(cls, found: Mapping[str, Any]) -> Marked:
        return cls.from_dict(found)


class Swept(NamedTuple):
    """What a sweep did: digests of artifacts."""

    #: They were deleted.
    deleted: list[str]
    #: Their size in bytes.
    bytes: int
    #: A version named them meanwhile: they stay.
    kept: list[str]
    #: They were deleted in the moment in which a version came to name them: put them again.
    lost: list[str]


_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def _moment(micros: int) -> datetime:
    try:
        return _EPOCH + timedelta(microseconds=micros)
    except OverflowError:
        # Python counts the years 1 to 9999.
        return (datetime.min if micros < 0 else datetime.max).replace(tzinfo=timezone.utc)
