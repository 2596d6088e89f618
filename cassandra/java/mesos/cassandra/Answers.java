package mesos.cassandra;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.cassandra.config.DatabaseDescriptor;
import org.apache.cassandra.db.ConsistencyLevel;
import org.apache.cassandra.db.Keyspace;
import org.apache.cassandra.db.ReadCommand;
import org.apache.cassandra.db.ReadExecutionController;
import org.apache.cassandra.db.ReadResponse;
import org.apache.cassandra.db.SinglePartitionReadCommand;
import org.apache.cassandra.db.Slice;
import org.apache.cassandra.db.Slices;
import org.apache.cassandra.db.filter.ClusteringIndexSliceFilter;
import org.apache.cassandra.db.filter.ColumnFilter;
import org.apache.cassandra.db.filter.TombstoneOverwhelmingException;
import org.apache.cassandra.db.partitions.ImmutableBTreePartition;
import org.apache.cassandra.db.partitions.UnfilteredPartitionIterator;
import org.apache.cassandra.db.partitions.UnfilteredPartitionIterators;
import org.apache.cassandra.db.rows.Row;
import org.apache.cassandra.db.rows.UnfilteredRowIterator;
import org.apache.cassandra.db.rows.UnfilteredRowIterators;
import org.apache.cassandra.exceptions.UnavailableException;
import org.apache.cassandra.locator.Replica;
import org.apache.cassandra.locator.ReplicaPlans;
import org.apache.cassandra.net.Message;
import org.apache.cassandra.net.MessagingService;
import org.apache.cassandra.net.Verb;
import org.apache.cassandra.schema.TableMetadata;
import org.apache.cassandra.service.reads.NeverSpeculativeRetryPolicy;

/**
 * The cluster's version of some rows, at LOCAL_QUORUM: merged as a coordinator does, but with deleted and expired cells
 * still in it, and without read repair.
 */
final class Answers {
    /** A read at a moment before all others, so that nothing counts as expired or can be purged. */
    private static final long LONG_AGO = 1;

    /** The reason why some rows cannot be read. */
    static final class Unread extends Exception {
        private static final long serialVersionUID = 1L;

        Unread(String why) {
            super(why);
        }
    }

    private Answers() {}

    /** Returns the cluster's version of all rows of a piece; of its static row if it has no others. */
    static ImmutableBTreePartition of(TableMetadata metadata, ImmutableBTreePartition wanted) throws Unread {
        SinglePartitionReadCommand command = SinglePartitionReadCommand.create(
            metadata, LONG_AGO, wanted.partitionKey(), ColumnFilter.all(metadata),
            new ClusteringIndexSliceFilter(slices(metadata, wanted), false));
        List<UnfilteredRowIterator> found = new ArrayList<>();
        for (ImmutableBTreePartition answer : ask(metadata, command))
            found.add(answer.unfilteredIterator());
        try (UnfilteredRowIterator merged = UnfilteredRowIterators.merge(found)) {
            return ImmutableBTreePartition.create(merged);
        }
    }

    private static Slices slices(TableMetadata metadata, ImmutableBTreePartition wanted) {
        if (metadata.clusteringColumns().isEmpty())
            return Slices.ALL;
        if (!wanted.hasRows())
            return Slices.NONE;
        Slices.Builder builder = new Slices.Builder(metadata.comparator, wanted.rowCount());
        for (Row row : wanted)
            builder.add(Slice.make(row.clustering()));
        return builder.build();
    }

    private static List<ImmutableBTreePartition> ask(TableMetadata metadata, SinglePartitionReadCommand command)
            throws Unread {
        List<ImmutableBTreePartition> found = new ArrayList<>();
        Map<Replica, Future<Message<ReadResponse>>> asked = new HashMap<>();
        try {
            boolean own = false;
            for (Replica replica : ReplicaPlans.forRead(
                     Keyspace.open(metadata.keyspace), command.partitionKey().getToken(), null,
                     ConsistencyLevel.LOCAL_QUORUM, NeverSpeculativeRetryPolicy.INSTANCE).contacts()) {
                own |= replica.isSelf();
                if (!replica.isSelf()) {
                    Message<ReadCommand> message = Message.out(Verb.READ_REQ, command);
                    asked.put(replica, MessagingService.instance().sendWithResult(message, replica.endpoint()));
                }
            }
            if (own)
                found.add(here(command));
        } catch (UnavailableException error) {
            throw new Unread("a quorum is " + error.required + " replicas, and " + error.alive + " are up");
        } catch (TombstoneOverwhelmingException error) {
            throw new Unread("too many tombstones");
        }
        for (Map.Entry<Replica, Future<Message<ReadResponse>>> one : asked.entrySet())
            found.add(there(command, one.getKey(), one.getValue()));
        return found;
    }

    private static ImmutableBTreePartition here(SinglePartitionReadCommand command) {
        try (ReadExecutionController controller = command.executionController();
             UnfilteredPartitionIterator answer = command.executeLocally(controller)) {
            return taken(command, answer);
        }
    }

    private static ImmutableBTreePartition there(
            SinglePartitionReadCommand command, Replica replica, Future<Message<ReadResponse>> answer) throws Unread {
        try {
            long wait = 2 * DatabaseDescriptor.getReadRpcTimeout(TimeUnit.MILLISECONDS);
            ReadResponse response = answer.get(wait, TimeUnit.MILLISECONDS).payload;
            try (UnfilteredPartitionIterator partitions = response.makeIterator(command)) {
                return taken(command, partitions);
            }
        } catch (ExecutionException error) {
            throw new Unread(replica.endpoint().getHostAddressAndPort() + ": " + error.getCause().getMessage());
        } catch (TimeoutException error) {
            throw new Unread(replica.endpoint().getHostAddressAndPort() + " does not answer");
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
            throw new Unread("interrupted");
        }
    }

    private static ImmutableBTreePartition taken(
            SinglePartitionReadCommand command, UnfilteredPartitionIterator answer) {
        try (UnfilteredRowIterator rows = UnfilteredPartitionIterators.getOnlyElement(answer, command)) {
            return ImmutableBTreePartition.create(rows);
        }
    }
}
