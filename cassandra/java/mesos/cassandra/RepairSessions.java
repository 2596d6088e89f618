package mesos.cassandra;

import java.lang.reflect.Field;
import java.util.Map;
import javax.management.StandardMBean;

/**
 * Ends one repair that this node coordinates. Cassandra's own forceTerminateAllRepairSessions ends all repairs, and its
 * failSession accepts incremental ones alone.
 *
 * Reflection reaches the session and its state, since neither the map nor `forceShutdown` is public.
 */
final class RepairSessions {
    /** The operations of the MBean. */
    public interface Management {
        /** Fails all sessions of the repair with this (parent) id; returns their number. */
        int fail(String repair) throws Exception;
    }

    private RepairSessions() {}

    static Object bean() throws Exception {
        return new StandardMBean(RepairSessions::fail, Management.class);
    }

    private static int fail(String repair) throws Exception {
        Class<?> type = Class.forName("org.apache.cassandra.service.ActiveRepairService");
        Field sessions = type.getDeclaredField("sessions");
        sessions.setAccessible(true);
        int failed = 0;
        for (Object session : ((Map<?, ?>) sessions.get(type.getMethod("instance").invoke(null))).values()) {
            Object state = session.getClass().getField("state").get(session);
            if (!repair.equals(String.valueOf(state.getClass().getField("parentRepairSession").get(state))))
                continue;
            session.getClass().getMethod("forceShutdown", Throwable.class)
                .invoke(session, new InterruptedException("the repair was cancelled"));
            failed++;
        }
        return failed;
    }
}
