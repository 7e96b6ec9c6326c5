"""Which backups are kept, and deleting what none of them needs any more."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from apps.backup.errors import BackupFailed
from apps.backup.making import one_at_a_time
from apps.backup.manifests import FOLDER, MANIFEST, Manifest, good_backups
from apps.backup.objects import CHANGES, POOL, changes_after, moment_name, pool_names, read_index
from apps.backup.targets import Destination
from apps.backup.wal import FOLDER as WAL_FOLDER
from apps.backup.wal import delete_segments_before

UNFINISHED_KEPT: Final = timedelta(days=2)  # files without a manifest: one in the making, or failed


@dataclass(frozen=True, kw_only=True)
class Expired:
    """Deleted: backups, objects, segments of the log."""

    backups: list[str]
    objects: int = 0
    segments: int = 0


def backups_expire(*, target: Destination, keep_days: int, now: datetime) -> Expired:
    """Delete chains whose last backup is older than `keep_days`, never the newest chain.

    Nothing goes while a manifest cannot be read: what it needs would not be known.
    """
    with one_at_a_time("backup"), one_at_a_time("shipping"), one_at_a_time("objects"):
        good, wrong = good_backups(target)
        if wrong:
            raise BackupFailed(f"Nothing was deleted, because of a damaged backup: {wrong[0]}")
        chains = chains_of(good)
        oldest = now - timedelta(days=keep_days)
        expired = [chain for chain in chains[:-1] if chain[-1].finished < oldest]
        for chain in expired:
            for manifest in reversed(chain):
                delete_backup(target, manifest.id)
        kept = [manifest for chain in chains if chain not in expired for manifest in chain]
        delete_unfinished(target, kept=kept, now=now)
        return Expired(
            backups=[manifest.id for chain in expired for manifest in chain],
            segments=delete_segments(target, kept),
            objects=delete_objects(target, kept),
        )


def chains_of(good: list[Manifest]) -> list[list[Manifest]]:
    """A full backup or dump, with all that build on it; ordered by the last one of each."""
    chains: dict[str, list[Manifest]] = {}
    root_of: dict[str, str] = {}
    for manifest in sorted(good, key=lambda one: one.started):
        root = manifest.id if manifest.parent is None else root_of.get(manifest.parent, manifest.id)
        root_of[manifest.id] = root
        chains.setdefault(root, []).append(manifest)
    return sorted(chains.values(), key=lambda chain: chain[-1].started)


def delete_backup(target: Destination, backup_id: str) -> None:
    """The manifest first: what is deleted by half is no backup."""
    folder = f"{FOLDER}{backup_id}/"
    target.delete(folder + MANIFEST)
    for name in target.names(folder):
        target.delete(name)


def delete_unfinished(target: Destination, *, kept: list[Manifest], now: datetime) -> None:
    known = {manifest.id for manifest in kept}
    before = f"{now - UNFINISHED_KEPT:%Y%m%dT%H%M%SZ}"
    found = {name.split("/")[1] for name in target.names(FOLDER)}
    for backup_id in found - known:
        if backup_id < before:
            delete_backup(target, backup_id)


def delete_segments(target: Destination, kept: list[Manifest]) -> int:
    """Of the log, and notes of objects that came and went, from before the oldest backup."""
    deleted = 0
    oldest: dict[str, Manifest] = {}
    for manifest in sorted(kept, key=lambda one: one.started):
        oldest.setdefault(manifest.system, manifest)
    for name in target.names(WAL_FOLDER):
        if name.split("/")[1] not in oldest:
            target.delete(name)
            deleted += 1
    return deleted + sum(
        delete_segments_before(target, manifest) for system, manifest in oldest.items() if system
    )


def delete_objects(target: Destination, kept: list[Manifest]) -> int:
    if not kept:
        return 0
    first = min(manifest.started for manifest in kept)
    needed: set[str] = set()
    for manifest in kept:
        needed |= pool_names(read_index(target, manifest).values())
    for _noted, changes in changes_after(target, first):
        needed |= pool_names(changes.added)
    for name in target.names(CHANGES):
        if name < f"{CHANGES}{moment_name(first)}":
            target.delete(name)
    unneeded = set(target.names(POOL)) - needed
    for name in unneeded:
        target.delete(name)
    return len(unneeded)
