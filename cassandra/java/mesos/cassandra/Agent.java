package mesos.cassandra;

import java.lang.instrument.Instrumentation;
import java.lang.management.ManagementFactory;
import javax.management.MBeanServer;
import javax.management.ObjectName;

/**
 * Registers our MBeans in a running Cassandra, each time that the agent is loaded.
 *
 * Loaded when a job first needs one of them. A further MBean is a line in the table below.
 */
public final class Agent {
    private Agent() {}

    /** Called by the JVM when the agent is loaded, each time. */
    public static void agentmain(String arguments, Instrumentation instrumentation) throws Exception {
        register("SSTableImport", SSTableImport.bean());
        register("BulkLoad", BulkLoad.bean());
        register("RepairSessions", RepairSessions.bean());
        register("SchemaTrial", SchemaTrial.bean());
        register("RestoredRows", RestoredRows.bean());
        register("Views", Views.bean());
    }

    private static synchronized void register(String type, Object bean) throws Exception {
        MBeanServer server = ManagementFactory.getPlatformMBeanServer();
        ObjectName name = new ObjectName("mesos.cassandra:type=" + type);
        if (!server.isRegistered(name))
            server.registerMBean(bean, name);
    }
}
