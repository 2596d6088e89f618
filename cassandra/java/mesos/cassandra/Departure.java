package mesos.cassandra;

import java.util.List;
import javax.management.StandardMBean;
import org.apache.cassandra.db.ColumnFamilyStore;
import org.apache.cassandra.db.SystemKeyspace;
import org.apache.cassandra.schema.SchemaConstants;

/** Lets a node leave the ring with all of its data. */
final class Departure {
    // A start copies the rows of the old table into the new one.
    @SuppressWarnings("deprecation")
    private static final List<String> TABLES =
        List.of(SystemKeyspace.LEGACY_TRANSFERRED_RANGES, SystemKeyspace.TRANSFERRED_RANGES_V2);

    /** The operation of the MBean. */
    public interface Management {
        /**
         * Forgets which ranges an earlier decommission has streamed. Cassandra does not stream them again, although a
         * node that did not leave then has got other writes since, and the receivers may have removed their copies.
         */
        void forget();
    }

    private static final class Forgetting implements Management {
        @Override
        public void forget() {
            for (String table : TABLES) {
                ColumnFamilyStore store = ColumnFamilyStore.getIfExists(SchemaConstants.SYSTEM_KEYSPACE_NAME, table);
                if (store != null)
                    store.truncateBlockingWithoutSnapshot();
            }
        }
    }

    private Departure() {}

    static Object bean() throws Exception {
        return new StandardMBean(new Forgetting(), Management.class);
    }
}
