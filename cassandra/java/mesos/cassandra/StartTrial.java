package mesos.cassandra;

import com.google.common.base.Throwables;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadInfo;
import java.lang.reflect.Method;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import org.apache.cassandra.auth.AuthCacheService;
import org.apache.cassandra.auth.AuthKeyspace;
import org.apache.cassandra.batchlog.BatchlogManager;
import org.apache.cassandra.config.DatabaseDescriptor;
import org.apache.cassandra.db.Keyspace;
import org.apache.cassandra.db.SystemKeyspace;
import org.apache.cassandra.db.commitlog.CommitLog;
import org.apache.cassandra.exceptions.RequestExecutionException;
import org.apache.cassandra.gms.Gossiper;
import org.apache.cassandra.hints.HintsService;
import org.apache.cassandra.io.FSError;
import org.apache.cassandra.net.MessagingService;
import org.apache.cassandra.schema.KeyspaceMetadata;
import org.apache.cassandra.schema.Schema;
import org.apache.cassandra.schema.SchemaTransformations;
import org.apache.cassandra.schema.SystemDistributedKeyspace;
import org.apache.cassandra.service.ActiveRepairService;
import org.apache.cassandra.service.CacheService;
import org.apache.cassandra.service.NativeTransportService;
import org.apache.cassandra.service.StorageProxy;
import org.apache.cassandra.service.StorageService;
import org.apache.cassandra.streaming.StreamManager;
import org.apache.cassandra.tracing.TraceKeyspace;

/**
 * The steps of Cassandra's start up to its first connection, in directories of their own and without an open port.
 *
 * Settings that are valid one by one, and whose sum no start survives, fail here. Each step is that of CassandraDaemon.
 */
final class StartTrial {
    /** A failure of which the settings need not be the cause, such as a full disk. */
    static final class Undecided extends Exception {
        private static final long serialVersionUID = 1;

        Undecided(String message, Throwable cause) {
            super(message, cause);
        }
    }

    /** What a step of a start ended with. */
    static final class Failed extends Exception {
        private static final long serialVersionUID = 1;

        Failed(String message, Throwable cause) {
            super(message, cause);
        }
    }

    /** Receives the reason if the start waits without end. */
    interface Stuck {
        void report(Exception reason);
    }

    private static final long SYNC_MILLIS = 20;
    private static final long SAMPLE_MILLIS = 500;
    private static final int SAMPLES = 20;
    // A wait for the disk ends, if late.
    private static final List<String> DISK = List.of("org.apache.cassandra.db.commitlog", "java.nio", "sun.nio");
    // Cassandra's own start names it as a text, too.
    private static final String SUMMARIES = "org.apache.cassandra.io.sstable.indexsummary.IndexSummaryManager";
    private static final String CASSANDRA = "org.apache.cassandra.";
    private static final String TOOLS_FOR_WAITING = "org.apache.cassandra.utils.concurrent.";

    private volatile String step = "";

    private StartTrial() {}

    /** Runs all steps. Throws Failed or Undecided; a step that waits without end is reported from another thread. */
    static void run(Stuck stuck) throws Exception {
        StartTrial trial = new StartTrial();
        Thread watch = new Thread(trial.watching(Thread.currentThread(), stuck), "watch");
        watch.setDaemon(true);
        watch.start();
        trial.storage();
        trial.services();
    }

    private void storage() throws Exception {
        step("the commit log", () -> {
            DatabaseDescriptor.createAllDirectories();
            return CommitLog.instance.start();
        });
        Thread syncs = new Thread(StartTrial::sync, "syncs");
        syncs.setDaemon(true);
        syncs.start();
        step("the system tables", () -> {
            SystemKeyspace.persistLocalMetadata();
            SystemKeyspace.updateTokens(List.of(DatabaseDescriptor.getPartitioner().getRandomToken()));
            Schema.instance.loadFromDisk();
            Keyspace.setInitialized();
            Schema.instance.getKeyspaces().forEach(Keyspace::open);
            return null;
        });
        step("the keyspaces of the cluster", () -> {
            Gossiper.instance.maybeInitializeLocalState(1);
            StorageService.instance.populateTokenMetadata();
            create(TraceKeyspace.metadata(), TraceKeyspace.GENERATION);
            create(SystemDistributedKeyspace.metadata(), SystemDistributedKeyspace.GENERATION);
            create(AuthKeyspace.metadata(), AuthKeyspace.GENERATION);
            return null;
        });
    }

    private void services() throws Exception {
        step("the caches", () -> CacheService.instance);
        step("the summaries of indexes", () -> Class.forName(SUMMARIES));
        step("reads and writes", () -> StorageProxy.instance);
        step("the caches of users", () -> {
            AuthCacheService.initializeAndRegisterCaches();
            return null;
        });
        step("repair and streams", () -> {
            ActiveRepairService.instance().start();
            StreamManager.instance.start();
            return null;
        });
        step("hints and batches", () -> {
            HintsService.instance.startDispatch();
            BatchlogManager.instance.start();
            return null;
        });
        step("the messages between nodes", MessagingService::instance);
        step("the CQL server", () -> {
            Method prepare = NativeTransportService.class.getDeclaredMethod("initialize");
            prepare.setAccessible(true);
            return prepare.invoke(new NativeTransportService());
        });
    }

    /**
     * Has the commit log written to the disk all the time.
     *
     * With some settings, such as periodic_commitlog_sync_lag_block of 0, each write waits for the next time. A start
     * does not fail by that, but its steps would take longer than this program may.
     */
    private static void sync() {
        while (true) {
            CommitLog.instance.requestExtraSync();
            try {
                Thread.sleep(SYNC_MILLIS);
            } catch (InterruptedException error) {
                return;
            }
        }
    }

    private static void create(KeyspaceMetadata keyspace, long generation) {
        Schema.instance.transform(SchemaTransformations.updateSystemKeyspace(keyspace, generation));
    }

    private void step(String name, Callable<Object> work) throws Exception {
        step = name;
        try {
            work.call();
        } catch (Throwable error) {
            boolean outside = Throwables.getCausalChain(error).stream().anyMatch(StartTrial::isOutside);
            String words = "the start fails at " + name;
            throw outside ? new Undecided(words, error) : new Failed(words, error);
        }
    }

    private static boolean isOutside(Throwable error) {
        return error instanceof IOException || error instanceof FSError || error instanceof OutOfMemoryError
            || error instanceof RequestExecutionException;
    }

    private Runnable watching(Thread main, Stuck stuck) {
        return () -> {
            StackTraceElement[] last = {};
            for (int equal = 0; equal < SAMPLES; ) {
                ThreadInfo now = ManagementFactory.getThreadMXBean().getThreadInfo(main.getId(), Integer.MAX_VALUE);
                boolean waits = now != null && now.getThreadState() != Thread.State.RUNNABLE;
                equal = waits && Arrays.equals(last, now.getStackTrace()) ? equal + 1 : 0;
                last = now == null ? last : now.getStackTrace();
                try {
                    Thread.sleep(SAMPLE_MILLIS);
                } catch (InterruptedException error) {
                    return;
                }
            }
            stuck.report(reason(last));
        };
    }

    private Exception reason(StackTraceElement[] stack) {
        String words = "the start waits without end at " + step;
        boolean disk = Arrays.stream(stack).anyMatch(each -> DISK.stream().anyMatch(each.getClassName()::startsWith));
        String where = Arrays.stream(stack).map(StackTraceElement::getClassName)
            .filter(name -> name.startsWith(CASSANDRA) && !name.startsWith(TOOLS_FOR_WAITING))
            .findFirst().map(name -> ", in " + name).orElse("");
        return disk ? new Undecided(words + where, null) : new Failed(words + where, null);
    }
}
