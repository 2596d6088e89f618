"""All keyspaces of one story, its backups, and the possible effects of a restore. Pure: time is a number of events."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace

from tests.restore_model import events as ev
from tests.restore_model.events import Ref, full
from tests.restore_model.schema import KeySpace
from tests.restore_model.table_model import TableModel

# Write times that are given are far before or far after it; steps lie apart, as some deletions are one before.
NOW = 1_000_000_000
STEP = 10


@dataclass
class Space:
    """A keyspace and its tables."""

    schema: KeySpace
    tables: dict[str, TableModel] = field(default_factory=dict)


@dataclass
class Model:
    """The cluster's keyspaces and the backups that were made."""

    spaces: dict[str, Space] = field(default_factory=dict)
    backups: dict[str, dict[str, Space]] = field(default_factory=dict)
    step: int = 0

    def copy(self) -> Model:
        """Return a copy that changes on its own; backups do not change."""
        return Model(copy.deepcopy(self.spaces), dict(self.backups), self.step)

    def table(self, ref: Ref) -> TableModel | None:
        """Return a table that exists."""
        space = self.spaces.get(ref[0])
        return space.tables.get(ref[1]) if space else None

    def refs(self) -> list[Ref]:
        """Return all tables."""
        return [(name, table) for name, space in self.spaces.items() for table in space.tables]

    def apply(self, event: ev.Event) -> None:
        """Apply an event that Cassandra accepted."""
        self.step += 1
        if isinstance(event, ev.Backup):
            self._back_up(event)
        elif isinstance(event, ev.MakeKeySpace):
            space = self.spaces[event.made.name] = Space(replace(event.made, tables=()))
            for table in event.made.tables:
                space.tables[table.name] = TableModel(table, self._epoch())
        elif isinstance(event, ev.DropKeySpace):
            self.spaces.pop(event.key_space, None)
        elif isinstance(event, ev.MakeTable):
            self.spaces[event.key_space].tables[event.made.name] = TableModel(event.made, self._epoch())
        elif isinstance(event, ev.DropTable):
            del self.spaces[event.table[0]].tables[event.table[1]]
        elif isinstance(event, ev.Truncate):
            tables = self.spaces[event.table[0]].tables
            tables[event.table[1]] = tables[event.table[1]].emptied(self._epoch())
        elif not isinstance(event, ev.Maintain):
            self.spaces[event.table[0]].tables[event.table[1]].apply(event, NOW + STEP * self.step)

    def _epoch(self) -> int:
        self.step += 1
        return self.step

    def _back_up(self, event: ev.Backup) -> None:
        saved = copy.deepcopy({name: self.spaces[name] for name in event.key_spaces})
        for space in saved.values():
            for table in space.tables.values():
                table.purge()
        self.backups[event.name] = saved


@dataclass(frozen=True)
class Expectation:
    """The expected effect of a restore: the cluster after it, and the reasons for a refusal or a difference."""

    after: Model
    targets: dict[Ref, TableModel]
    made: frozenset[Ref]
    obstacles: tuple[str, ...]

    @property
    def may_differ(self) -> bool:
        """Return whether the cluster can differ from the backup after a complete restore."""
        for ref, saved in self.targets.items():
            now = self.after.table(ref)
            if now is None or now.unknown or saved.expires or now.expires:
                return True
            if sorted(map(repr, now.read())) != sorted(map(repr, saved.read())):
                return True
        return False


def expect(model: Model, restore: ev.Restore) -> Expectation:
    """Return the expectation of a restore in that cluster."""
    after = model.copy()
    targets: dict[Ref, TableModel] = {}
    obstacles: list[str] = []
    made: set[Ref] = set()
    backup = model.backups[restore.backup]
    for old, new in _spaces(restore, backup).items():
        if new not in after.spaces:
            after.spaces[new] = Space(replace(backup[old].schema, name=new))
    for old_ref, new_ref in chosen(restore, backup).items():
        saved = backup[old_ref[0]].tables[old_ref[1]]
        targets[new_ref] = saved
        space = after.spaces.setdefault(new_ref[0], Space(replace(backup[old_ref[0]].schema, name=new_ref[0])))
        living = space.tables.get(new_ref[1])
        if living is None:
            space.tables[new_ref[1]] = copy.deepcopy(saved)
            space.tables[new_ref[1]].table = replace(saved.table, name=new_ref[1])
            made.add(new_ref)
            continue
        if living.unknown:
            obstacles.append(f"{full(new_ref)}: what is in it is not known")
        obstacles += [f"{full(new_ref)}: {reason}" for reason in differences(saved, living)]
        _uncover(living, saved)
        living.merge(saved)
    return Expectation(after, targets, frozenset(made), tuple(obstacles))


def _uncover(living: TableModel, saved: TableModel) -> None:
    """Have the living table show all that the saved one brings, whatever was dropped: that is what was asked for."""
    living.purge()
    for name in list(saved.hidden_by(living.dropped)):
        del living.dropped[name]
    names = {column.name for column in living.table.columns}
    lost = tuple(column for column in saved.table.columns if column.name not in names)
    living.table = replace(living.table, columns=(*living.table.columns, *lost))


def _spaces(restore: ev.Restore, backup: dict[str, Space]) -> dict[str, str]:
    """Keyspaces that are restored as a whole, also without tables, with their new names."""
    if restore.tables:
        return {}
    renamed = {old[0]: new[0] for old, new in restore.rename if not old[1]}
    names = restore.key_spaces or (tuple(renamed) if restore.rename else tuple(backup))
    return {name: renamed.get(name, name) for name in names}


def chosen(restore: ev.Restore, backup: dict[str, Space]) -> dict[Ref, Ref]:
    """Return the backup's tables that a restore selects, by whatever field, with their new names."""
    every = [(name, table) for name, space in backup.items() for table in space.tables]
    rename = dict(restore.rename)
    if restore.tables:
        wanted = [ref for ref in every if ref in restore.tables]
    elif restore.key_spaces:
        wanted = [ref for ref in every if ref[0] in restore.key_spaces]
    elif rename:
        wanted = [ref for ref in every if ref in rename or (ref[0], "") in rename]
    else:
        wanted = every
    return {ref: rename.get(ref, (rename.get((ref[0], ""), (ref[0], ""))[0], ref[1])) for ref in wanted}


def differences(saved: TableModel, living: TableModel) -> list[str]:
    """Why the saved table cannot be loaded into the living one for certain."""
    found = []
    for column in saved.table.columns:
        here = next((item for item in living.table.columns if item.name == column.name), None)
        if here is None or (here.kind, here.role, here.descending) != (column.kind, column.role, column.descending):
            found.append(f"column {column.name} is another one")
    if {c.name: c.role for c in saved.table.columns if c.role in ("partition", "clustering")} != {
        c.name: c.role for c in living.table.columns if c.role in ("partition", "clustering")
    }:
        found.append("its key is another one")
    if saved.dropped != living.dropped:
        found.append(f"columns were dropped: {saved.dropped} in the backup, {living.dropped} here")
    return found
