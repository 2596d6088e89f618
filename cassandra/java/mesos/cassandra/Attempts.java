package mesos.cassandra;

import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;

/**
 * The attempts to log in while authentication is being switched on, in memory alone: which clients did not answer, and
 * which credentials the others had. Those that were wrong are checked again later, since their role can be made later.
 *
 * Times are of System.nanoTime().
 */
final class Attempts {
    private static final int LIMIT = 1000;
    private static final long ANSWER = TimeUnit.SECONDS.toNanos(3);
    private static final long OPEN = TimeUnit.MINUTES.toNanos(1);
    private static final long REMEMBERED = TimeUnit.HOURS.toNanos(1);
    private static final long FORGIVEN = TimeUnit.MINUTES.toNanos(10);

    /** What is known of one address. */
    private static final class Client {
        final Deque<Long> open = new ArrayDeque<>();
        String driver = "";
        Long silentAt;
        Long answeredAt;
        final Map<String, byte[]> offered = new LinkedHashMap<>();
    }

    private static final Map<InetAddress, Client> clients = new LinkedHashMap<>() {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<InetAddress, Client> eldest) {
            return size() > LIMIT;
        }
    };
    private static long openUntil;
    private static boolean opened;

    private Attempts() {}

    /** Returns whether all clients are let in without a question now, since one of them did not answer. */
    static synchronized boolean isOpen(long now) {
        note(now);
        return opened && now - openUntil < 0;
    }

    /** Notes that a client is asked for its credentials. */
    static synchronized void ask(InetAddress address, String driver, long now) {
        Client client = clients.computeIfAbsent(address, ignored -> new Client());
        client.driver = driver;
        if (client.open.size() < LIMIT)
            client.open.addLast(now);
    }

    /** Notes an answer. It comes at once, so it is that to the newest question. */
    static synchronized void answer(InetAddress address, byte[] response, long now) {
        Client client = clients.computeIfAbsent(address, ignored -> new Client());
        client.open.pollLast();
        client.answeredAt = now;
        if (client.offered.size() < LIMIT)
            client.offered.put(user(response), response.clone());
    }

    /** Returns the clients that left without credentials, each as a few words. */
    static synchronized List<String> silent(long now) {
        note(now);
        List<String> found = new ArrayList<>();
        for (Map.Entry<InetAddress, Client> one : clients.entrySet()) {
            Client client = one.getValue();
            if (client.silentAt == null)
                continue;
            boolean answers = client.answeredAt != null && client.answeredAt - client.silentAt > 0;
            if (now - client.silentAt < (answers ? FORGIVEN : REMEMBERED))
                found.add(one.getKey().getHostAddress() + described(client.driver));
        }
        return found;
    }

    /** Returns the credentials that clients at these addresses have offered, by address and user; forgets the others. */
    static synchronized Map<String, byte[]> offered(Set<InetAddress> connected) {
        Map<String, byte[]> found = new LinkedHashMap<>();
        clients.forEach((address, client) -> {
            if (!connected.contains(address))
                client.offered.clear();
        });
        clients.forEach((address, client) -> client.offered.forEach(
            (user, response) -> found.put(address.getHostAddress() + " as " + user, response)));
        return found;
    }

    /** Forgets credentials that are valid by now. */
    static synchronized void forget(String name) {
        clients.forEach((address, client) -> client.offered.keySet().removeIf(
            user -> name.equals(address.getHostAddress() + " as " + user)));
    }

    private static void note(long now) {
        for (Client client : clients.values()) {
            while (!client.open.isEmpty() && now - client.open.peekFirst() > ANSWER) {
                client.open.pollFirst();
                client.silentAt = now;
                opened = true;
                openUntil = now + OPEN;
            }
        }
    }

    private static String described(String driver) {
        return driver.isEmpty() ? "" : " (" + driver + ")";
    }

    private static String user(byte[] response) {
        // SASL PLAIN: authorization id, NUL, user, NUL, password.
        String[] parts = new String(response, StandardCharsets.UTF_8).split("\0", -1);
        return parts.length < 2 ? "" : parts[parts.length - 2];
    }
}
