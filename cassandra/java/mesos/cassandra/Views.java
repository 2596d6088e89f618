package mesos.cassandra;

import java.lang.reflect.Method;
import javax.management.StandardMBean;
import org.apache.cassandra.db.ColumnFamilyStore;
import org.apache.cassandra.db.Keyspace;
import org.apache.cassandra.db.SystemKeyspace;
import org.apache.cassandra.db.view.View;
import org.apache.cassandra.schema.Schema;
import org.apache.cassandra.schema.TableMetadata;

/**
 * Rebuilds materialized views after a load of files into their tables. An import or a stream bypasses the writes that
 * update views, and CQL has no statement for it except dropping the view.
 */
final class Views {
    /** The operations of the MBean. For a view that does not exist, they do nothing and return `false`. */
    public interface Management {
        /**
         * Ends a build that runs here, which would otherwise report the view as built without the rows that it sent
         * before. Removes this node's rows of a view and marks it as not built, so that Cassandra builds it at its next start
         * at the latest. Rows that other nodes build into it are removed, too: empty all nodes first, then build.
         */
        boolean empty(String keyspace, String view) throws Exception;

        /** Begins or continues to build a view from this node's rows of its table; does nothing if it is built. */
        boolean build(String keyspace, String view);

        /** Returns whether this node has built a view: true also for one that does not exist. */
        boolean isBuilt(String keyspace, String view);

        /** Returns the number of its table's processed partitions, updated every thousand. */
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
        public boolean empty(String keyspace, String view) throws Exception {
            View found = find(keyspace, view);
            if (found == null)
                return false;
            // TableViews.stopBuild, which is public, would end the builds of the table's other views, too.
            Method stop = View.class.getDeclaredMethod("stopBuild");
            stop.setAccessible(true);
            stop.invoke(found);
            SystemKeyspace.setViewRemoved(keyspace, view);
            // Its rows follow from the table's, so that a snapshot of them is useless.
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
