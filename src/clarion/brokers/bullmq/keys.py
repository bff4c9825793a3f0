"""The keys of one queue of BullMQ."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Keys:
    """Names the keys of *queue*."""

    prefix: str
    queue: str

    @property
    def base(self) -> str:
        """What all of them begin with; the key of a job is this and its id."""
        return f"{self.prefix}:{self.queue}:"

    def of(self, *names: str) -> list[str]:
        return [self.base + name for name in names]

    @property
    def moving(self) -> list[str]:
        """Of moveToActive and, in its first ten, of moveToFinished."""
        return self.of(
            "wait", "active", "prioritized", "events", "stalled", "limiter", "delayed", "paused", "meta", "pc", "marker"
        )

    def finishing(self, target: str) -> list[str]:
        return [*self.moving[:10], *self.of(target, "", f"metrics:{target}", "marker")]

    @property
    def postponing(self) -> list[str]:
        return self.of(
            "marker", "active", "prioritized", "delayed", "", "events", "meta", "stalled", "wait", "limiter", "pc"
        )

    @property
    def rescuing(self) -> list[str]:
        return self.of("stalled", "wait", "active", "stalled-check", "meta", "paused", "marker", "events", "repeat")

    @property
    def adding(self) -> list[str]:
        return self.of("wait", "paused", "meta", "id", "completed", "delayed", "active", "events", "marker")
