package mesos.cassandra;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.function.Predicate;
import org.apache.cassandra.db.ClusteringPrefix;
import org.apache.cassandra.db.ColumnFamilyStore;
import org.apache.cassandra.db.DeletionTime;
import org.apache.cassandra.db.partitions.ImmutableBTreePartition;
import org.apache.cassandra.db.partitions.UnfilteredPartitionIterator;
import org.apache.cassandra.db.partitions.UnfilteredPartitionIterators;
import org.apache.cassandra.db.rows.AbstractUnfilteredRowIterator;
import org.apache.cassandra.db.rows.RangeTombstoneBoundMarker;
import org.apache.cassandra.db.rows.RangeTombstoneMarker;
import org.apache.cassandra.db.rows.Row;
import org.apache.cassandra.db.rows.Rows;
import org.apache.cassandra.db.rows.Unfiltered;
import org.apache.cassandra.db.rows.UnfilteredRowIterator;
import org.apache.cassandra.dht.Range;
import org.apache.cassandra.dht.Token;
import org.apache.cassandra.io.sstable.Descriptor;
import org.apache.cassandra.io.sstable.format.SSTableReader;
import org.apache.cassandra.io.util.File;
import org.apache.cassandra.schema.TableMetadata;
import org.apache.cassandra.schema.TableMetadataRef;

/**
 * The SSTables of a directory, read beside those of a running Cassandra, without its caches and without writing a
 * file.
 */
final class StagedSSTables implements AutoCloseable {
    private static final String DATA = "-Data.db";

    private final TableMetadata metadata;
    private final List<SSTableReader> readers = new ArrayList<>();

    /** Opens all of them; `metadata` names the columns to read, and the dropped ones. */
    StagedSSTables(ColumnFamilyStore table, TableMetadata metadata, String directory) throws IOException {
        this.metadata = metadata;
        TableMetadataRef reference = TableMetadataRef.forOfflineTools(metadata);
        try (DirectoryStream<Path> paths = Files.newDirectoryStream(Path.of(directory), "*" + DATA)) {
            for (Path path : paths) {
                Descriptor descriptor = Descriptor.fromFileWithComponent(
                    new File(path), metadata.keyspace, metadata.name).left;
                readers.add(SSTableReader.open(
                    table, descriptor, descriptor.discoverComponents(), reference, false, true));
            }
        } catch (IOException | RuntimeException error) {
            close();
            throw error;
        }
    }

    long bytes() {
        return SSTableReader.getTotalBytes(readers);
    }

    /** Passes partitions to `take` in their order, merged from all SSTables, until it has enough. */
    void partitions(Collection<Range<Token>> ranges, Predicate<UnfilteredRowIterator> take) {
        List<UnfilteredPartitionIterator> scanners = new ArrayList<>();
        for (SSTableReader reader : readers)
            scanners.add(reader.getScanner(ranges));
        if (scanners.isEmpty())
            return;
        try (UnfilteredPartitionIterator all = UnfilteredPartitionIterators.merge(
                 scanners, UnfilteredPartitionIterators.MergeListener.NOOP)) {
            while (all.hasNext()) {
                try (UnfilteredRowIterator partition = all.next()) {
                    if (!take.test(partition))
                        return;
                }
            }
        }
    }

    /** Returns the range from a token to the end of the ring. */
    List<Range<Token>> behind(Token token) {
        return List.of(new Range<>(token, metadata.partitioner.getMinimumToken()));
    }

    @Override
    public void close() {
        for (SSTableReader reader : readers)
            reader.selfRef().release();
        readers.clear();
    }

    /** The pieces of a partition that fit into memory; each is complete, with its ranges of deleted rows closed. */
    static final class Pieces {
        private final UnfilteredRowIterator partition;
        private final int mostRows;
        private final long mostBytes;
        private ClusteringPrefix<?> last;
        private DeletionTime open;
        private boolean begun;

        Pieces(UnfilteredRowIterator partition, int mostRows, long mostBytes) {
            this.partition = partition;
            this.mostRows = mostRows;
            this.mostBytes = mostBytes;
        }

        /** Returns the next piece; null at the end. The first one has the static row. */
        ImmutableBTreePartition next() {
            if (begun && !partition.hasNext())
                return null;
            Row statics = begun ? Rows.EMPTY_STATIC_ROW : partition.staticRow();
            begun = true;
            return ImmutableBTreePartition.create(new Piece(statics));
        }

        private final class Piece extends AbstractUnfilteredRowIterator {
            private int rows;
            private long bytes;
            private boolean started;

            Piece(Row statics) {
                super(partition.metadata(), partition.partitionKey(), partition.partitionLevelDeletion(),
                      partition.columns(), statics, false, partition.stats());
            }

            @Override
            protected Unfiltered computeNext() {
                if (!started) {
                    started = true;
                    if (open != null)
                        return RangeTombstoneBoundMarker.exclusiveOpen(false, last, open);
                }
                boolean full = rows >= mostRows || bytes >= mostBytes;
                if (full || !partition.hasNext()) {
                    if (open == null || rows < 0)
                        return endOfData();
                    rows = -1;
                    bytes = Long.MAX_VALUE;
                    return RangeTombstoneBoundMarker.inclusiveClose(false, last, open);
                }
                Unfiltered found = partition.next();
                if (found.isRow()) {
                    last = ((Row) found).clustering();
                    bytes += ((Row) found).dataSize();
                    rows++;
                } else {
                    RangeTombstoneMarker marker = (RangeTombstoneMarker) found;
                    open = marker.isOpen(false) ? marker.openDeletionTime(false) : null;
                }
                return found;
            }
        }
    }

    static UncheckedIOException unchecked(IOException error) {
        return new UncheckedIOException(error);
    }
}
