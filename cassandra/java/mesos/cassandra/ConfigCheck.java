package mesos.cassandra;

import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.util.ArrayList;
import java.util.List;
import net.openhft.chronicle.queue.RollCycles;
import org.apache.cassandra.audit.AuditLogOptions;
import org.apache.cassandra.config.CassandraRelevantProperties;
import org.apache.cassandra.config.DatabaseDescriptor;
import org.apache.cassandra.config.ParameterizedClass;
import org.apache.cassandra.exceptions.StartupException;
import org.apache.cassandra.schema.CompactionParams;
import org.apache.cassandra.schema.CompressionParams;
import org.apache.cassandra.schema.MemtableParams;
import org.apache.cassandra.service.FileSystemOwnershipCheck;
import org.apache.cassandra.utils.FBUtilities;

/**
 * A program that loads a cassandra.yaml as Cassandra's start does, and ends without serving anything.
 *
 * The property cassandra.config names the file; its directories must not be a node's own. With the argument START the
 * program also does the first steps of a start there. Exit code 0: accepted. Exit code 3: refused, with the reason after
 * MARK on standard output. Exit code 4: not known, with the reason after MARK. Other codes: the virtual machine did not
 * start.
 */
public final class ConfigCheck {
    static final String MARK = "refused: ";
    private static final String START = "start";
    private static final int REFUSED = 3;
    private static final int NOT_KNOWN = 4;
    private static final String NO_OWNER_FILE = "no file found in tree";

    private ConfigCheck() {}

    public static void main(String[] arguments) {
        int code = 0;
        try {
            load();
            if (arguments.length > 0 && arguments[0].equals(START))
                StartTrial.run(reason -> end(report(reason)));
        } catch (Throwable error) {
            code = report(error);
        }
        end(code);
    }

    private static void load() throws Exception {
        numbers();
        DatabaseDescriptor.daemonInitialization();
        // A start reads these later: with its commit log, its first table, its hints, its caches and its audit log.
        MemtableParams.get(null);
        CompactionParams.DEFAULT.validate();
        compressor(DatabaseDescriptor.getCommitLogCompression());
        compressor(DatabaseDescriptor.getHintsCompression());
        if (DatabaseDescriptor.getRowCacheSizeInMiB() > 0)
            FBUtilities.classForName(DatabaseDescriptor.getRowCacheClassName(), "row cache");
        DatabaseDescriptor.applyCryptoProvider();
        auditLog(DatabaseDescriptor.getAuditLoggingOptions());
        networks();
        owner();
    }

    /** Checks Cassandra's properties that are numbers: a start reads each when it first needs it, and ends with a text. */
    private static void numbers() {
        for (CassandraRelevantProperties property : CassandraRelevantProperties.values()) {
            String value = System.getProperty(property.getKey());
            String usual = property.getDefaultValue();
            if (value == null || usual == null || !usual.matches("-?[0-9]+"))
                continue;
            // Some are sizes.
            if (!value.matches("[-+]?[0-9][0-9a-fA-Fx.]*( *[kKMGT]i?B?)?"))
                throw new IllegalArgumentException("-D" + property.getKey() + " must be a number, but was " + value);
        }
    }

    private static int report(Throwable error) {
        System.out.println(MARK + String.join(": ", words(error)));
        return error instanceof StartTrial.Undecided ? NOT_KNOWN : REFUSED;
    }

    private static void end(int code) {
        System.out.flush();
        // Threads of the snitch would keep the virtual machine running.
        Runtime.getRuntime().halt(code);
    }

    private static void compressor(ParameterizedClass named) {
        if (named != null)
            CompressionParams.createCompressor(named);
    }

    /** Checks an audit log without opening it: its directory can be that of a running node. */
    private static void auditLog(AuditLogOptions options) {
        if (!options.enabled)
            return;
        String name = options.logger.class_name;
        String prefix = name.contains(".") ? "" : AuditLogOptions.class.getPackageName() + ".";
        FBUtilities.classForName(prefix + name, "audit logger");
        RollCycles.valueOf(options.roll_cycle);
        atLeast(1, options.max_queue_weight, "audit_logging_options.max_queue_weight");
        atLeast(1, options.max_log_size, "audit_logging_options.max_log_size");
    }

    /** Checks the caches of networks, which exist from the authorizer's set-up on. */
    private static void networks() {
        if (!DatabaseDescriptor.getCIDRAuthorizer().requireAuthorization())
            return;
        String parameters = "cidr_authorizer.parameters.";
        atLeast(1, DatabaseDescriptor.getCidrGroupsCacheRefreshInterval(),
            parameters + "cidr_groups_cache_refresh_interval");
        atLeast(0, DatabaseDescriptor.getIpCacheMaxSize(), parameters + "ip_cache_max_size");
    }

    private static void atLeast(long least, long value, String name) {
        if (value < least)
            throw new IllegalArgumentException(name + " must be at least " + least + ", but was " + value);
    }

    /** Runs Cassandra's check of the file systems' owner, whose files lie above the directories of a node. */
    private static void owner() throws Exception {
        Constructor<FileSystemOwnershipCheck> made = FileSystemOwnershipCheck.class.getDeclaredConstructor();
        made.setAccessible(true);
        try {
            made.newInstance().execute(DatabaseDescriptor.getStartupChecksOptions());
        } catch (StartupException error) {
            // Its file can also lie in the node's own directories, which are not those of this program.
            if (error.getMessage().contains(NO_OWNER_FILE))
                throw new StartTrial.Undecided(error.getMessage(), null);
            throw error;
        }
    }

    /** Returns the messages of an exception and its causes, each once; one that another message quotes is left out. */
    private static List<String> words(Throwable error) {
        List<String> found = new ArrayList<>();
        for (Throwable each = error; each != null; each = each.getCause()) {
            // Reflection and class loading only wrap the reason.
            if (each instanceof InvocationTargetException || each instanceof ExceptionInInitializerError)
                if (each.getCause() != null)
                    continue;
            String text = each.getMessage() == null ? each.getClass().getSimpleName() : each.getMessage();
            text = text.replaceAll("\\s+", " ").strip();
            String last = found.isEmpty() ? "" : found.get(found.size() - 1);
            if (!last.contains(text))
                found.add(text);
        }
        return found;
    }
}
