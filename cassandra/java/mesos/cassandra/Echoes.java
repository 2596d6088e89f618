package mesos.cassandra;

import java.lang.reflect.Field;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import javax.management.StandardMBean;
import org.apache.cassandra.gms.Gossiper;
import org.apache.cassandra.locator.InetAddressAndPort;

/**
 * Lets Cassandra ask a peer once more whether it is up.
 *
 * Before a node takes a peer as up, it sends it an ECHO_REQ. If that is not answered, as by a peer that pauses, 5.0.8
 * keeps it in the map of questions in flight, and sends no other one: the peer stays down for this node until one of
 * the two restarts. 5.0.9 forgets such a question itself. The map is not public.
 */
final class Echoes {
    /** The operation of the MBean. */
    public interface Management {
        /** Forgets what these peers (addresses) were asked; returns those that were. Gossip asks again within seconds. */
        String[] forget(String[] peers) throws Exception;
    }

    private Echoes() {}

    static Object bean() throws Exception {
        return new StandardMBean(Echoes::forget, Management.class);
    }

    private static String[] forget(String[] peers) throws Exception {
        Field field = Gossiper.class.getDeclaredField("inflightEcho");
        field.setAccessible(true);
        Map<?, ?> asked = (Map<?, ?>) field.get(Gossiper.instance);
        List<String> addresses = List.of(peers);
        List<String> found = new ArrayList<>();
        for (Object peer : asked.keySet()) {
            String address = ((InetAddressAndPort) peer).getHostAddress(false);
            if (addresses.contains(address) && asked.remove(peer) != null)
                found.add(address);
        }
        return found.toArray(String[]::new);
    }
}
