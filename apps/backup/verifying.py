"""Reading a backup through, without restoring it."""

import hashlib
from dataclasses import dataclass, field

from apps.backup.errors import BackupFailed, Damaged
from apps.backup.manifests import FOLDER, File, Manifest, chain_of, open_file
from apps.backup.objects import POOL, StoredObject, pool_names, read_index, read_object
from apps.backup.sealing import CHUNK
from apps.backup.targets import Destination


@dataclass(kw_only=True)
class Checked:
    """How much was read, and what is wrong with it."""

    backups: int = 0
    files: int = 0
    objects: int = 0
    wrong: list[str] = field(default_factory=list)


def backup_verify(*, target: Destination, manifest: Manifest, quick: bool = False) -> Checked:
    """Read every file of the backup and of those it builds on, and every object, to their ends.

    `quick`: only whether all are there, in the right size.
    """
    checked = Checked()
    try:
        chain = chain_of(target, manifest)
    except BackupFailed as error:
        checked.wrong.append(str(error))
        return checked
    for link in chain:
        checked.backups += 1
        sizes = target.names(f"{FOLDER}{link.id}/")
        for file in link.files:
            checked.files += 1
            note(checked, file_problem(target, link, file, sizes=sizes, quick=quick))
    try:
        entries = list(read_index(target, manifest).values())
    except Damaged as error:
        checked.wrong.append(str(error))
        return checked
    check_objects(target, entries, checked, quick=quick)
    return checked


def note(checked: Checked, problem: str) -> None:
    if problem and problem not in checked.wrong:
        checked.wrong.append(problem)


def file_problem(
    target: Destination, manifest: Manifest, file: File, *, sizes: dict[str, int], quick: bool
) -> str:
    path = f"{FOLDER}{manifest.id}/{file.name}"
    if path not in sizes:
        return f"{path} is missing."
    if sizes[path] != file.size:
        return f"{path} has {sizes[path]} bytes instead of {file.size}."
    if quick:
        return ""
    digest = hashlib.sha256()
    with target.open(path) as source:
        while part := source.read(CHUNK):
            digest.update(part)
    if digest.hexdigest() != file.sha256:
        return f"{path} is not what was written: its checksum is another."
    try:
        with open_file(target, manifest, file.name) as plain:
            while plain.read(CHUNK):
                pass
    except Damaged as error:
        return str(error)
    return ""


def check_objects(
    target: Destination, entries: list[StoredObject], checked: Checked, *, quick: bool
) -> None:
    pool = target.names(POOL)
    for entry in entries:
        checked.objects += 1
        (name,) = pool_names([entry])
        if name not in pool:
            note(checked, f"{entry.key} is missing.")
        elif not quick:
            try:
                read_object(target, entry)
            except Damaged as error:
                note(checked, str(error))
