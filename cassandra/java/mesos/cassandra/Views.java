package mesos.cassandra;

import java.util.ArrayList;
import java.util.List;
import javax.management.StandardMBean;
import org.apache.cassandra.db.ColumnFamilyStore;
import org.apache.cassandra.db.Keyspace;
import org.apache.cassandra.db.SystemKeyspace;
import org.apache.cassandra.db.view.View;
import org.apache.cassandra.schema.Schema;
import org.apache.cassandra.schema.TableMetadata;
import org.apache.cassandra.schema.ViewMetadata;

/**
 * Builds materialized views anew after files were loaded into their tables: neither an import nor a stream goes through
 * the path of writes that keeps views up to date, and CQL has no statement for it but to drop the view.
 */
final class Views {
    /** What the MBean offers. A view that is not there (any more) is no error: `false`. */
    public interface Management {
        /** The views of these tables, all as `keyspace.name`. */
        List<String> of(String[] tables);

        /**
         * Removes this node's rows of a view and takes it for not built, so that Cassandra builds it at its next start
         * if nobody does before. Rows that other nodes build into it are removed too: first all nodes, then build.
         */
        boolean empty(String keyspace, String view);

        /** Begins to build a view from this node's rows of its table, or goes on with it; nothing if it is built. */
        boolean build(String keyspace, String view);

        /** Whether this node has built a view: true, too, for one that is not there. */
        boolean isBuilt(String keyspace, String view);

        /** How many partitions of its table have been gone through, told every thousand. */
        long partitions(String keyspace, String view);
    }

    private Views() {}

    static Object bean() throws Exception {
        return new StandardMBean(new Building(), Management.class);
    }

    private static View find(String keyspace, String view) {
        TableMetadata rows = Schema.instance.getTableMetadata(keyspace, view);
        return rows == null || !rows.isView() ? null : Keyspace.open(keyspace).viewManager.getByName(view);
    }

    private static final class Building implements Management {
        @Override
        public List<String> of(String[] tables) {
            List<String> found = new ArrayList<>();
            for (String name : tables) {
                int dot = name.indexOf('.');
                String keyspace = name.substring(0, dot);
                if (Schema.instance.getTableMetadata(keyspace, name.substring(dot + 1)) == null)
                    continue;
                for (ViewMetadata view : View.findAll(keyspace, name.substring(dot + 1)))
                    found.add(keyspace + "." + view.name());
            }
            return found;
        }

        @Override
        public boolean empty(String keyspace, String view) {
            if (find(keyspace, view) == null)
                return false;
            SystemKeyspace.setViewRemoved(keyspace, view);
            // Its rows follow from the table's, so that a snapshot of them is of no use.
            ColumnFamilyStore.getIfExists(keyspace, view).truncateBlockingWithoutSnapshot();
            return true;
        }

        @Override
        public boolean build(String keyspace, String view) {
            View found = find(keyspace, view);
            if (found == null)
                return false;
            found.build();
            return true;
        }

        @Override
        public boolean isBuilt(String keyspace, String view) {
            return find(keyspace, view) == null || SystemKeyspace.isViewBuilt(keyspace, view);
        }

        @Override
        public long partitions(String keyspace, String view) {
            return SystemKeyspace.getViewBuildStatus(keyspace, view).values().stream()
                .mapToLong(done -> done.right).sum();
        }
    }
}
