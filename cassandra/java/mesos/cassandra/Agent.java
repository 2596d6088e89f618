package mesos.cassandra;

import java.lang.instrument.Instrumentation;
import java.lang.management.ManagementFactory;
import javax.management.MBeanServer;
import javax.management.ObjectName;

/**
 * Registers our MBeans in a running Cassandra, each time that the agent is loaded.
 *
 * The executor loads it when a job first needs one of them. A new MBean is one line in the table below.
 */
public final class Agent {
    private Agent() {}

    /** Registers the MBeans that are missing; the JVM calls it each time that the agent is loaded. */
    public static void agentmain(String arguments, Instrumentation instrumentation) throws Exception {
        register("SSTableImport", SSTableImport.bean());
        register("BulkLoad", BulkLoad.bean());
        register("RepairSessions", RepairSessions.bean());
        register("SchemaTrial", SchemaTrial.bean());
        register("RestoredRows", RestoredRows.bean());
        register("Views", Views.bean());
        register("TableWrites", TableWrites.bean());
        register("Logins", Logins.bean());
        register("Echoes", Echoes.bean());
        register("Departure", Departure.bean());
    }

    private static synchronized void register(String type, Object bean) throws Exception {
        MBeanServer server = ManagementFactory.getPlatformMBeanServer();
        ObjectName name = new ObjectName("mesos.cassandra:type=" + type);
        if (!server.isRegistered(name))
            server.registerMBean(bean, name);
    }
}
