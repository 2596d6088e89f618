package mesos.cassandra;

import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import javax.management.ObjectName;
import javax.management.StandardMBean;

/**
 * Makes Cassandra's importNewSSTables callable through Jolokia, which cannot pass a java.util.Set.
 */
final class SSTableImport {
    /** The operations of the MBean. */
    public interface Management {
        /** Returns true: the MBean can be called. */
        boolean isReady();

        /**
         * Moves the SSTables of a directory into a table while it is served. Returns the directory if Cassandra refuses
         * it, as it does if this node does not own all of the tokens.
         */
        List<?> load(String keyspace, String table, String directory) throws Exception;
    }

    private static final String BOOLEAN = "boolean";

    private SSTableImport() {}

    static Object bean() throws Exception {
        return new StandardMBean(new Import(), Management.class);
    }

    private static final class Import implements Management {
        @Override
        public boolean isReady() {
            return true;
        }

        @Override
        public List<?> load(String keyspace, String table, String directory) throws Exception {
            ObjectName name = new ObjectName(
                "org.apache.cassandra.db:type=Tables,keyspace=" + keyspace + ",table=" + table);
            Set<String> directories = new HashSet<>(Arrays.asList(directory));
            boolean resetLevel = true;
            boolean clearRepaired = true;
            // The executor has verified the SHA-256 of each file.
            boolean verifySSTables = false;
            boolean verifyTokens = true;
            boolean invalidateCaches = true;
            boolean extendedVerify = false;
            boolean copyData = false;
            Object[] arguments = {
                directories, resetLevel, clearRepaired, verifySSTables, verifyTokens, invalidateCaches, extendedVerify,
                copyData,
            };
            String[] signature = {
                Set.class.getName(), BOOLEAN, BOOLEAN, BOOLEAN, BOOLEAN, BOOLEAN, BOOLEAN, BOOLEAN,
            };
            return (List<?>) ManagementFactory.getPlatformMBeanServer().invoke(
                name, "importNewSSTables", arguments, signature);
        }
    }
}
