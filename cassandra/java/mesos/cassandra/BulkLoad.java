package mesos.cassandra;

import java.nio.file.Path;
import javax.management.StandardMBean;
import org.apache.cassandra.config.DatabaseDescriptor;
import org.apache.cassandra.db.ColumnFamilyStore;
import org.apache.cassandra.index.sai.StorageAttachedIndexGroup;
import org.apache.cassandra.service.StorageService;

/**
 * Cassandra's bulkLoad, also for tables with storage-attached indexes.
 *
 * An SSTable that is sent as whole files arrives without index components, and 5.0.8 fails the session instead of
 * building them. If it is sent row by row, the receiver writes the components itself. Only the sender chooses, and for
 * all of its streams. So while such a table is loaded, other streams of this node go row by row, too.
 */
final class BulkLoad {
    /** The operations of the MBean. */
    public interface Management {
        /** Streams the SSTables of `…/keyspace/table` to the owners of their ranges. */
        void stream(String directory) throws Exception;
    }

    private static int running;
    private static boolean before;

    private BulkLoad() {}

    static Object bean() throws Exception {
        return new StandardMBean(BulkLoad::stream, Management.class);
    }

    private static void stream(String directory) throws Exception {
        boolean rowByRow = hasAttachedIndex(Path.of(directory));
        if (rowByRow)
            begin();
        try {
            StorageService.instance.bulkLoad(directory);
        } finally {
            if (rowByRow)
                end();
        }
    }

    private static boolean hasAttachedIndex(Path directory) {
        ColumnFamilyStore store = ColumnFamilyStore.getIfExists(
            directory.getParent().getFileName().toString(), directory.getFileName().toString());
        return store != null && StorageAttachedIndexGroup.getIndexGroup(store) != null;
    }

    private static synchronized void begin() {
        if (running++ == 0) {
            before = DatabaseDescriptor.streamEntireSSTables();
            DatabaseDescriptor.setStreamEntireSSTables(false);
        }
    }

    private static synchronized void end() {
        if (--running == 0)
            DatabaseDescriptor.setStreamEntireSSTables(before);
    }
}
