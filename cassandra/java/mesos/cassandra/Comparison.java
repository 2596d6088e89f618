package mesos.cassandra;

import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.apache.cassandra.db.Clustering;
import org.apache.cassandra.db.LivenessInfo;
import org.apache.cassandra.db.RangeTombstone;
import org.apache.cassandra.db.partitions.ImmutableBTreePartition;
import org.apache.cassandra.db.rows.Cell;
import org.apache.cassandra.db.rows.ColumnData;
import org.apache.cassandra.db.rows.ComplexColumnData;
import org.apache.cassandra.db.rows.Row;
import org.apache.cassandra.db.rows.RowIterator;
import org.apache.cassandra.db.rows.UnfilteredRowIterator;
import org.apache.cassandra.db.rows.UnfilteredRowIterators;
import org.apache.cassandra.schema.DroppedColumn;
import org.apache.cassandra.schema.TableMetadata;

/**
 * Counts the differences between rows of a backup's files and the cluster's answer, by Cassandra's own reconciliation.
 * If merging the backup's rows into the answer changes it, the cluster lacks something. If it does not, and the answer
 * is not the backup's version, the answer is newer.
 */
final class Comparison {
    private final TableMetadata metadata;
    private final long now;
    /** The moment of the backup's last snapshot in microseconds. */
    private final long takenAt;
    private final Map<String, Long> counts = new TreeMap<>();
    private final Map<String, Long> hidden = new TreeMap<>();
    private final Map<String, Long> unread = new TreeMap<>();

    Comparison(TableMetadata metadata, long now, long takenAt) {
        this.metadata = metadata;
        this.now = now;
        this.takenAt = takenAt;
    }

    /** Adds rows of the backup and the cluster's version of them, and counts their differences after deletions. */
    void add(ImmutableBTreePartition backup, ImmutableBTreePartition answer) {
        Map<Clustering<?>, Row> wanted = live(backup.unfilteredIterator(), now);
        Map<Clustering<?>, Row> found = live(answer.unfilteredIterator(), now);
        Map<Clustering<?>, Row> together;
        try (UnfilteredRowIterator merged = UnfilteredRowIterators.merge(
                 List.of(answer.unfilteredIterator(), backup.unfilteredIterator()))) {
            together = live(merged, now);
        }
        synchronized (this) {
            count("partitions", 1);
            count("rows", backup.rowCount() + (backup.staticRow().isEmpty() ? 0 : 1));
            for (Clustering<?> clustering : live(backup.unfilteredIterator(), takenAt / 1_000_000).keySet())
                count("expired", wanted.containsKey(clustering) ? 0 : 1);
            for (Map.Entry<Clustering<?>, Row> entry : together.entrySet())
                lacking(entry.getValue(), found.get(entry.getKey()));
            for (Clustering<?> clustering : found.keySet())
                count("undeleted", together.containsKey(clustering) ? 0 : 1);
            for (Map.Entry<Clustering<?>, Row> entry : wanted.entrySet()) {
                Row merged = together.get(entry.getKey());
                Row here = found.get(entry.getKey());
                boolean lacks = merged == null ? here != null : !same(merged, here);
                if (!lacks && !same(entry.getValue(), here))
                    count(newest(answer, entry.getKey()) > takenAt ? "newer" : "other", 1);
            }
        }
    }

    synchronized void unread(String why) {
        count("partitions", 1);
        unread.merge(why, 1L, Long::sum);
    }

    synchronized Map<String, Object> result() {
        Map<String, Object> result = new HashMap<>(counts);
        result.put("hidden", new HashMap<>(hidden));
        result.put("unread", new HashMap<>(unread));
        return result;
    }

    private void count(String what, long number) {
        counts.merge(what, number, Long::sum);
    }

    /** Counts what the cluster lacks of a row: all of it, values, or values that a drop of their column hides. */
    private void lacking(Row together, Row here) {
        if (same(together, here))
            return;
        boolean other = here == null
            ? hasOwnLife(together)
            : !together.primaryKeyLivenessInfo().equals(here.primaryKeyLivenessInfo());
        for (Cell<?> cell : together.cells()) {
            if (here != null && same(cell, of(here, cell)))
                continue;
            DroppedColumn dropped = metadata.droppedColumns.get(cell.column().name.bytes);
            if (dropped != null && cell.timestamp() <= dropped.droppedTime)
                hidden.merge(cell.column().name.toString(), 1L, Long::sum);
            else
                other = true;
        }
        if (other)
            count(here == null ? "missing" : "older", 1);
    }

    /**
     * Returns whether rows of one key are equal. A file that was opened before a type or a mask was changed has its
     * columns as they were then, which is no difference of rows.
     */
    private static boolean same(Row one, Row other) {
        if (other == null || !one.primaryKeyLivenessInfo().equals(other.primaryKeyLivenessInfo())
                || !one.deletion().equals(other.deletion()))
            return false;
        Iterator<Cell<?>> others = other.cells().iterator();
        for (Cell<?> cell : one.cells())
            if (!others.hasNext() || !same(cell, others.next()))
                return false;
        return !others.hasNext();
    }

    private static boolean same(Cell<?> one, Cell<?> other) {
        return other != null && one.column().name.equals(other.column().name)
            && one.timestamp() == other.timestamp() && one.ttl() == other.ttl()
            && one.localDeletionTime() == other.localDeletionTime()
            && one.buffer().equals(other.buffer()) && Objects.equals(one.path(), other.path());
    }

    private static boolean hasOwnLife(Row row) {
        return row.primaryKeyLivenessInfo() != LivenessInfo.EMPTY && !row.primaryKeyLivenessInfo().isEmpty();
    }

    private static Cell<?> of(Row row, Cell<?> cell) {
        return cell.path() == null ? row.getCell(cell.column()) : row.getCell(cell.column(), cell.path());
    }

    /** Returns the newest moment at which the cluster wrote or deleted anything of a row. */
    private static long newest(ImmutableBTreePartition answer, Clustering<?> clustering) {
        long newest = answer.partitionLevelDeletion().markedForDeleteAt();
        boolean isStatic = clustering == Clustering.STATIC_CLUSTERING;
        RangeTombstone covering = isStatic ? null : answer.deletionInfo().rangeCovering(clustering);
        if (covering != null)
            newest = Math.max(newest, covering.deletionTime().markedForDeleteAt());
        Row row = isStatic ? answer.staticRow() : answer.getRow(clustering);
        if (row == null)
            return newest;
        newest = Math.max(newest, row.deletion().time().markedForDeleteAt());
        newest = Math.max(newest, row.primaryKeyLivenessInfo().timestamp());
        for (ColumnData data : row.columnData()) {
            if (data instanceof ComplexColumnData)
                newest = Math.max(newest, ((ComplexColumnData) data).complexDeletion().markedForDeleteAt());
            newest = Math.max(newest, data.maxTimestamp());
        }
        return newest;
    }

    /** Returns the rows that a reader sees at a moment, the static one included. */
    private static Map<Clustering<?>, Row> live(UnfilteredRowIterator rows, long moment) {
        Map<Clustering<?>, Row> found = new HashMap<>();
        try (RowIterator filtered = UnfilteredRowIterators.filter(rows, moment)) {
            if (!filtered.staticRow().isEmpty())
                found.put(Clustering.STATIC_CLUSTERING, filtered.staticRow());
            while (filtered.hasNext()) {
                Row row = filtered.next();
                found.put(row.clustering(), row);
            }
        }
        return found;
    }

    /** Returns the table for reading the backup's files: with the drop times of the backup's columns. */
    static TableMetadata asBackedUp(TableMetadata live, Map<String, Long> drops) {
        Map<ByteBuffer, DroppedColumn> columns = new HashMap<>();
        for (Map.Entry<ByteBuffer, DroppedColumn> entry : live.droppedColumns.entrySet()) {
            DroppedColumn dropped = entry.getValue();
            long time = drops.getOrDefault(dropped.column.name.toString(), Long.MIN_VALUE);
            columns.put(entry.getKey(), new DroppedColumn(dropped.column, time));
        }
        live.columns().forEach(column -> {
            Long time = drops.get(column.name.toString());
            if (time != null)
                columns.put(column.name.bytes, new DroppedColumn(column, time));
        });
        return live.unbuild().droppedColumns(columns).build();
    }
}
