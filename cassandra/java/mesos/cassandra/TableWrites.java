package mesos.cassandra;

import javax.management.StandardMBean;
import org.apache.cassandra.db.ColumnFamilyStore;
import org.apache.cassandra.db.memtable.Memtable;
import org.apache.cassandra.io.sstable.format.SSTableReader;
import org.apache.cassandra.schema.Schema;
import org.apache.cassandra.schema.TableMetadata;

/** Tells when a table was written to. Files that a restore loads keep the times of their own writes. */
final class TableWrites {
    /** The operation of the MBean. */
    public interface Management {
        /**
         * Returns the time of the newest write of a table on this node, in microseconds since 1970. It is `-1` without
         * data or without the table, and that of now if some data is in memory: a restore loads files alone.
         */
        long newest(String keyspace, String table);
    }

    private static final class Telling implements Management {
        @Override
        public long newest(String keyspace, String table) {
            TableMetadata metadata = Schema.instance.getTableMetadata(keyspace, table);
            ColumnFamilyStore store = metadata == null ? null : Schema.instance.getColumnFamilyStoreInstance(metadata.id);
            if (store == null)
                return -1;
            for (Memtable memtable : store.getTracker().getView().getAllMemtables())
                if (!memtable.isClean())
                    return System.currentTimeMillis() * 1000;
            return store.getLiveSSTables().stream().mapToLong(SSTableReader::getMaxTimestamp).max().orElse(-1);
        }
    }

    private TableWrites() {}

    static Object bean() throws Exception {
        return new StandardMBean(new Telling(), Management.class);
    }
}
