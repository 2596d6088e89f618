package mesos.cassandra;

import java.lang.reflect.InvocationTargetException;
import java.util.ArrayList;
import java.util.List;
import net.openhft.chronicle.queue.RollCycles;
import org.apache.cassandra.audit.AuditLogOptions;
import org.apache.cassandra.config.DatabaseDescriptor;
import org.apache.cassandra.config.ParameterizedClass;
import org.apache.cassandra.schema.CompactionParams;
import org.apache.cassandra.schema.CompressionParams;
import org.apache.cassandra.schema.MemtableParams;
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
