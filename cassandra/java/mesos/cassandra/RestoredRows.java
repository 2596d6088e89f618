package mesos.cassandra;

import java.io.BufferedOutputStream;
import java.io.DataOutputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.zip.CRC32;
import javax.management.StandardMBean;
import org.apache.cassandra.db.ColumnFamilyStore;
import org.apache.cassandra.db.filter.ColumnFilter;
import org.apache.cassandra.db.partitions.ImmutableBTreePartition;
import org.apache.cassandra.db.rows.DeserializationHelper;
import org.apache.cassandra.db.rows.UnfilteredRowIterator;
import org.apache.cassandra.db.rows.UnfilteredRowIteratorSerializer;
import org.apache.cassandra.dht.IPartitioner;
import org.apache.cassandra.dht.Range;
import org.apache.cassandra.dht.Token;
import org.apache.cassandra.io.util.DataInputBuffer;
import org.apache.cassandra.io.util.DataOutputBuffer;
import org.apache.cassandra.net.MessagingService;
import org.apache.cassandra.schema.TableMetadata;
import org.apache.cassandra.utils.FBUtilities;

/**
 * Compares restored rows: keeps some rows of the SSTables before the load, and afterwards compares them with the
 * cluster's answers.
 */
final class RestoredRows {
    /** The operations of the MBean. `drops` are the dropped columns of the backup's table, as `column=microseconds`. */
    public interface Management {
        /** Returns those of these tables (`keyspace.table`) that have any data on this node. */
        List<String> held(String[] tables);

        /**
         * Writes some rows of a directory's SSTables to a file: all rows if they are few, else those of partitions
         * after tokens that follow from `seed`.
         */
        Map<String, Object> sample(
            String keyspace, String table, String directory, String file, String seed, String[] drops)
            throws IOException;

        /**
         * Compares the rows of such a file, or of all SSTables of a directory, with the cluster's version, for about
         * `millis` milliseconds; `next` is the position to continue from, empty at the end.
         */
        Map<String, Object> compare(
            String keyspace, String table, String source, String cursor, String[] drops, long takenAt, int millis)
            throws IOException, InterruptedException, ExecutionException;
    }

    private static final int MOST_PARTITIONS = 1024;
    private static final int RANGES = 32;
    private static final int MOST_ROWS = 256;
    private static final long MOST_BYTES = 1 << 20;
    private static final long SAMPLE_BYTES = 16 << 20;
    /** SSTables with fewer bytes in total are read as a whole. */
    private static final long SMALL_BYTES = 8 << 20;
    private static final int AT_ONCE = 4;
    private static final int GROUP = 32;
    private static final int VERSION = MessagingService.current_version;

    private RestoredRows() {}

    static Object bean() throws Exception {
        return new StandardMBean(new Rows(), Management.class);
    }

    private static final class Rows implements Management {
        @Override
        public List<String> held(String[] tables) {
            List<String> found = new ArrayList<>();
            for (String name : tables) {
                int dot = name.indexOf('.');
                ColumnFamilyStore table = ColumnFamilyStore.getIfExists(
                    name.substring(0, dot), name.substring(dot + 1));
                if (table != null && !table.isEmpty())
                    found.add(name);
            }
            return found;
        }

        @Override
        public Map<String, Object> sample(
                String keyspace, String table, String directory, String file, String seed, String[] drops)
                throws IOException {
            ColumnFamilyStore store = store(keyspace, table);
            TableMetadata metadata = Comparison.asBackedUp(store.metadata(), times(drops));
            Path partial = Path.of(file + ".partial");
            try (StagedSSTables staged = new StagedSSTables(store, metadata, directory);
                 FileOutputStream raw = new FileOutputStream(partial.toFile());
                 DataOutputStream out = new DataOutputStream(new BufferedOutputStream(raw))) {
                Sampling sampling = new Sampling(metadata, out);
                boolean small = staged.bytes() <= SMALL_BYTES;
                List<Range<Token>> ranges = small
                    ? staged.behind(metadata.partitioner.getMinimumToken()) : ranges(metadata.partitioner, seed);
                for (Range<Token> range : ranges)
                    sampling.take(staged, range, MOST_PARTITIONS / ranges.size());
                out.flush();
                raw.getFD().sync();
                Files.move(partial, Path.of(file), StandardCopyOption.ATOMIC_MOVE);
                return Map.of("partitions", sampling.partitions, "rows", sampling.rows, "bytes", sampling.bytes);
            }
        }

        @Override
        public Map<String, Object> compare(
                String keyspace, String table, String source, String cursor, String[] drops, long takenAt, int millis)
                throws IOException, InterruptedException, ExecutionException {
            ColumnFamilyStore store = store(keyspace, table);
            TableMetadata live = store.metadata();
            TableMetadata metadata = Comparison.asBackedUp(live, times(drops));
            Comparison comparison = new Comparison(live, FBUtilities.nowInSeconds(), takenAt);
            long end = System.nanoTime() + millis * 1_000_000L;
            String next;
            try (Group group = new Group(live, comparison)) {
                if (Files.isDirectory(Path.of(source))) {
                    try (StagedSSTables staged = new StagedSSTables(store, metadata, source)) {
                        next = all(staged, metadata, cursor, group, end);
                    }
                } else {
                    next = kept(source, metadata, cursor, group, end);
                }
                group.finish();
            }
            Map<String, Object> result = comparison.result();
            result.put("next", next);
            return result;
        }
    }

    /** Compares a sample's rows from a position on; returns the next position. */
    private static String kept(String file, TableMetadata metadata, String cursor, Group group, long end)
            throws IOException, InterruptedException, ExecutionException {
        try (RandomAccessFile in = new RandomAccessFile(file, "r")) {
            in.seek(cursor.isEmpty() ? 0 : Long.parseLong(cursor));
            while (in.getFilePointer() < in.length()) {
                if (System.nanoTime() > end)
                    return Long.toString(in.getFilePointer());
                byte[] content = new byte[in.readInt()];
                in.readFully(content);
                try (UnfilteredRowIterator rows = UnfilteredRowIteratorSerializer.serializer.deserialize(
                         new DataInputBuffer(content), VERSION, metadata, ColumnFilter.all(metadata),
                         DeserializationHelper.Flag.LOCAL)) {
                    group.add(ImmutableBTreePartition.create(rows));
                }
            }
        }
        return "";
    }

    /** Compares the rows of a directory's SSTables after a token; returns the next token. */
    private static String all(StagedSSTables staged, TableMetadata metadata, String cursor, Group group, long end) {
        Token.TokenFactory tokens = metadata.partitioner.getTokenFactory();
        Token from = cursor.isEmpty() ? metadata.partitioner.getMinimumToken() : tokens.fromString(cursor);
        String[] next = {""};
        staged.partitions(staged.behind(from), partition -> {
            StagedSSTables.Pieces pieces = new StagedSSTables.Pieces(partition, MOST_ROWS, MOST_BYTES);
            for (ImmutableBTreePartition piece = pieces.next(); piece != null; piece = pieces.next())
                group.addUnchecked(piece);
            boolean more = System.nanoTime() <= end;
            next[0] = more ? "" : tokens.toString(partition.partitionKey().getToken());
            return more;
        });
        return next[0];
    }

    private static ColumnFamilyStore store(String keyspace, String table) {
        ColumnFamilyStore found = ColumnFamilyStore.getIfExists(keyspace, table);
        if (found == null)
            throw new IllegalArgumentException("there is no table " + keyspace + "." + table);
        return found;
    }

    private static Map<String, Long> times(String[] drops) {
        Map<String, Long> times = new HashMap<>();
        for (String drop : drops) {
            int at = drop.lastIndexOf('=');
            times.put(drop.substring(0, at), Long.parseLong(drop.substring(at + 1)));
        }
        return times;
    }

    /** Returns the ring in parts that begin at tokens which follow from a text: the same on every node. */
    private static List<Range<Token>> ranges(IPartitioner partitioner, String seed) {
        CRC32 checksum = new CRC32();
        checksum.update(seed.getBytes(StandardCharsets.UTF_8));
        Random random = new Random(checksum.getValue());
        List<Token> starts = new ArrayList<>();
        starts.add(partitioner.getMinimumToken());
        for (int index = 1; index < RANGES; index++)
            starts.add(partitioner.getRandomToken(random));
        Collections.sort(starts);
        List<Range<Token>> ranges = new ArrayList<>();
        for (int index = 0; index < RANGES; index++)
            ranges.add(new Range<>(starts.get(index), starts.get((index + 1) % RANGES)));
        return ranges;
    }

    /** Writes the first rows of partitions. */
    private static final class Sampling {
        private final TableMetadata metadata;
        private final DataOutputStream out;
        private long partitions;
        private long rows;
        private long bytes;

        Sampling(TableMetadata metadata, DataOutputStream out) {
            this.metadata = metadata;
            this.out = out;
        }

        void take(StagedSSTables staged, Range<Token> range, int most) {
            long end = partitions + most;
            if (bytes >= SAMPLE_BYTES)
                return;
            staged.partitions(List.of(range), partition -> {
                write(new StagedSSTables.Pieces(partition, MOST_ROWS, MOST_BYTES).next());
                return ++partitions < end && bytes < SAMPLE_BYTES;
            });
        }

        private void write(ImmutableBTreePartition piece) {
            try (DataOutputBuffer buffer = new DataOutputBuffer();
                 UnfilteredRowIterator content = piece.unfilteredIterator()) {
                UnfilteredRowIteratorSerializer.serializer.serialize(
                    content, ColumnFilter.all(metadata), buffer, VERSION);
                out.writeInt(buffer.getLength());
                out.write(buffer.getData(), 0, buffer.getLength());
                bytes += buffer.getLength();
                rows += piece.rowCount();
            } catch (IOException error) {
                throw StagedSSTables.unchecked(error);
            }
        }
    }

    /** Reads and compares some pieces in parallel. */
    private static final class Group implements AutoCloseable {
        private final TableMetadata live;
        private final Comparison comparison;
        private final ExecutorService pool = Executors.newFixedThreadPool(AT_ONCE);
        private final List<Future<?>> running = new ArrayList<>();

        Group(TableMetadata live, Comparison comparison) {
            this.live = live;
            this.comparison = comparison;
        }

        void add(ImmutableBTreePartition piece) throws InterruptedException, ExecutionException {
            running.add(pool.submit(() -> {
                try {
                    comparison.add(piece, Answers.of(live, piece));
                } catch (Answers.Unread error) {
                    comparison.unread(error.getMessage());
                }
            }));
            if (running.size() >= GROUP)
                finish();
        }

        void addUnchecked(ImmutableBTreePartition piece) {
            try {
                add(piece);
            } catch (InterruptedException error) {
                Thread.currentThread().interrupt();
                throw new IllegalStateException(error);
            } catch (ExecutionException error) {
                throw new IllegalStateException(error.getCause());
            }
        }

        void finish() throws InterruptedException, ExecutionException {
            for (Future<?> one : running)
                one.get();
            running.clear();
        }

        @Override
        public void close() {
            pool.shutdownNow();
        }
    }
}
