"""Whole stories, drawn by Hypothesis: keyspaces are made and filled, backed up, changed, and restored."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from executor.key_spaces import KEY_SPACE_LENGTH
from tests.restore_model import events as ev
from tests.restore_model.drawn_schema import Limits, key_spaces, sometimes
from tests.restore_model.drawn_writes import Story
from tests.restore_model.events import Ref
from tests.restore_model.model import expect
from tests.restore_model.schema import CLUSTERING, Column
from tests.restore_model.values import Kind, strip

Steps = Sequence[ev.Event | ev.Restore]


def draw_stories(number: int, count: int, limits: Limits, prefix: str = "g") -> list[Steps]:
    """So many stories, the same ones for the same number.

    They are drawn before any is played, as each takes most of a minute on a cluster, and all are to be played.
    """
    found: list[Steps] = []

    # The first is the simplest that there is, which has nothing to tell.
    @seed(number)
    @settings(
        max_examples=count + 1,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        derandomize=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def take(data: st.DataObject) -> None:
        found.append(data.draw(stories(f"{prefix}{len(found)}", limits)))

    take()
    return found[1 : count + 1]


@st.composite
def stories(draw: st.DrawFn, prefix: str, limits: Limits) -> Steps:
    """One. Half of its keyspaces see only what any restore can cope with, so that those are restored for certain."""
    story = Story(draw)
    names = []
    for number in range(limits.key_spaces):
        made = draw(key_spaces(f"{prefix}_{number}", limits))
        names.append(made.name)
        story.add(ev.MakeKeySpace(made))
    for ref in story.model.refs():
        if sometimes(draw, 4):
            story.future.add(ref)
        _live(story, ref)
    _maintain(story, names)
    for ref in story.model.refs():
        if sometimes(draw, 2):
            _live(story, ref)
    story.add(ev.Backup(f"{prefix}-one", tuple(names)))
    for number, name in enumerate(names):
        _change(story, name, wild=number % 2 == 1)
    _maintain(story, names)
    for name in draw(st.permutations(names)):
        _restore(story, f"{prefix}-one", name)
    # Onto nothing, whatever came before.
    last = draw(st.sampled_from(names))
    story.add(ev.DropKeySpace(last))
    story.steps.append(ev.Restore(f"{prefix}-one", (last,)))
    return tuple(story.steps)


def _live(story: Story, ref: Ref) -> None:
    """Draw writes and deletions, and sometimes a change of a column."""
    story.write(ref, story.draw(st.integers(2, 8)))
    if sometimes(story.draw, 4):
        _maintain(story, [ref[0]])
    if sometimes(story.draw, 3):
        story.drop_column(ref, again=story.draw(st.booleans()))
        story.write(ref, story.draw(st.integers(0, 2)))


def _maintain(story: Story, names: list[str]) -> None:
    names = [name for name in names if name in story.model.spaces and story.model.spaces[name].tables]
    kind = story.draw(st.sampled_from(("", "flush", "compact")))
    if kind and names:
        story.add(ev.Maintain(kind, tuple(names)))


def _change(story: Story, name: str, wild: bool) -> None:
    """Draw a change of a keyspace between backup and restore."""
    if not wild and sometimes(story.draw, 4):
        story.add(ev.DropKeySpace(name))
        return
    tame: list[Callable[[Story, Ref], None]] = [_nothing, _more, _truncate, _drop, _add_column, _lose_view, _lose_index]
    fates = [*tame, *_WILD] if wild else tame
    for ref in [ref for ref in story.model.refs() if ref[0] == name]:
        story.draw(st.sampled_from(fates))(story, ref)


def _nothing(story: Story, ref: Ref) -> None:
    """Change nothing."""


def _more(story: Story, ref: Ref) -> None:
    story.write(ref, story.draw(st.integers(1, 6)))


def _truncate(story: Story, ref: Ref) -> None:
    story.add(ev.Truncate(ref))
    if sometimes(story.draw, 3) and not story.living(ref).table.is_counter:
        story.write(ref, 2)


def _drop(story: Story, ref: Ref) -> None:
    for view in story.living(ref).table.views:
        story.add(ev.DropView(ref, view))
    story.add(ev.DropTable(ref))


def _drop_and_make(story: Story, ref: Ref) -> None:
    made = story.living(ref).table
    _drop(story, ref)
    story.add(ev.MakeTable(ref[0], made))
    if not made.is_counter:
        story.write(ref, story.draw(st.integers(0, 2)))


def _add_column(story: Story, ref: Ref) -> None:
    if not story.living(ref).table.is_counter:
        story.add(ev.AddColumn(ref, Column("added", Kind("text"))))
        story.write(ref, 2)


def _lose_view(story: Story, ref: Ref) -> None:
    for view in story.living(ref).table.views:
        story.add(ev.DropView(ref, view))
    story.write(ref, 3)


def _lose_index(story: Story, ref: Ref) -> None:
    for index in story.living(ref).table.indexes:
        story.add(ev.DropIndex(ref, index))
    story.write(ref, 2)


def _lose_column(story: Story, ref: Ref) -> None:
    story.drop_column(ref, again=False)


def _renew_column(story: Story, ref: Ref) -> None:
    story.drop_column(ref, again=True)
    if sometimes(story.draw, 2):
        story.add(ev.Truncate(ref))


def _rename_column(story: Story, ref: Ref) -> None:
    table = story.living(ref).table
    if table.role(CLUSTERING) and not table.indexes and not table.views:
        story.add(ev.RenameColumn(ref, table.role(CLUSTERING)[0].name, "renamed"))


_WILD: tuple[Callable[[Story, Ref], None], ...] = (
    _lose_column, _renew_column, _renew_column, _rename_column, _drop_and_make, _drop_and_make,
)  # fmt: skip


def _restore(story: Story, backup: str, name: str) -> None:
    """Draw a restore of the keyspace: all of it, a table, or under another name."""
    tables = [(name, table) for table in story.model.backups[backup][name].tables]
    how = story.draw(st.sampled_from(("whole", "whole", "table", "space", "rename", "rename of it")))
    if how == "table" and tables:
        restore = ev.Restore(backup, tables=(story.draw(st.sampled_from(tables)),))
    elif how == "space":
        restore = ev.Restore(backup, (name,), rename=(((name, ""), (_other(name), "")),))
    elif how.startswith("rename") and tables:
        ref = story.draw(st.sampled_from(tables))
        chosen = (ref,) if how.endswith("it") else ()
        restore = ev.Restore(backup, tables=chosen, rename=((ref, (name, _other(ref[1]))),))
    else:
        restore = ev.Restore(backup, (name,))
    story.steps.append(restore)
    expected = expect(story.model, restore)
    if not expected.obstacles:
        story.model = expected.after


def _other(name: str) -> str:
    quote = '"' if name.startswith('"') else ""
    # A name that is as long as possible gets shorter.
    kept = strip(name)
    kept = kept[: KEY_SPACE_LENGTH - len("_before")] if len(kept) == KEY_SPACE_LENGTH else kept
    return f"{quote}{kept}_before{quote}"
