package mesos.cassandra;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * The attempts to log in while authentication is being switched on, in memory alone: which clients did not answer, and
 * which credentials the others had. Those that were wrong are checked again later, since their role can be made later.
 *
 * Times are of System.nanoTime().
 */
final class Attempts {
    private static final int LIMIT = 1000;
    // A client can send many megabytes for each, before it has logged in. User and password together are shorter.
    private static final int LONGEST_ANSWER = 1024;
    private static final int LONGEST_WORD = 64;
    private static final long ANSWER = TimeUnit.SECONDS.toNanos(3);
    private static final long OPEN = TimeUnit.MINUTES.toNanos(1);
    private static final long REMEMBERED = TimeUnit.HOURS.toNanos(1);
    private static final long FORGIVEN = TimeUnit.MINUTES.toNanos(10);

    /** A client that is asked, by its port. */
    private record Question(int port, long at) {}

    /** What is known of one address; credentials by port. */
    private static final class Client {
        final Deque<Question> open = new ArrayDeque<>();
        final Map<Integer, byte[]> offered = new LinkedHashMap<>();
        String driver = "";
        Long silentAt;
        Long answeredAt;
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
    static synchronized void ask(InetSocketAddress from, String driver, long now) {
        Client client = clients.computeIfAbsent(from.getAddress(), ignored -> new Client());
        client.driver = shortened(driver);
        if (client.open.size() < LIMIT)
            client.open.addLast(new Question(from.getPort(), now));
    }

    /** Notes an answer. It comes at once, so it is that to the newest question to this address. */
    static synchronized void answer(InetAddress address, byte[] response, long now) {
        Client client = clients.computeIfAbsent(address, ignored -> new Client());
        Question question = client.open.pollLast();
        client.answeredAt = now;
        if (question == null)
            return;
        if (client.offered.size() >= LIMIT)
            client.offered.remove(client.offered.keySet().iterator().next());
        // Without an entry the client would count as one that was not asked.
        client.offered.put(question.port(), response.length > LONGEST_ANSWER ? new byte[0] : response.clone());
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

    /** Returns the credentials that a connected client has offered; null if it was not asked. */
    static synchronized byte[] offered(InetSocketAddress from) {
        Client client = clients.get(from.getAddress());
        return client == null ? null : client.offered.get(from.getPort());
    }

    /** Returns the user in an answer of SASL PLAIN: authorization id, NUL, user, NUL, password. */
    static String user(byte[] response) {
        String[] parts = new String(response, StandardCharsets.UTF_8).split("\0", -1);
        return parts.length < 2 ? "" : shortened(parts[parts.length - 2]);
    }

    private static void note(long now) {
        for (Client client : clients.values()) {
            while (!client.open.isEmpty() && now - client.open.peekFirst().at() > ANSWER) {
                client.open.pollFirst();
                client.silentAt = now;
                opened = true;
                openUntil = now + OPEN;
            }
        }
    }

    private static String shortened(String word) {
        return word.length() <= LONGEST_WORD ? word : word.substring(0, LONGEST_WORD) + "\u2026";
    }

    private static String described(String driver) {
        return driver.isEmpty() ? "" : " (" + driver + ")";
    }
}
