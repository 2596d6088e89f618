package mesos.cassandra;

import java.net.InetAddress;
import org.apache.cassandra.auth.AuthenticatedUser;
import org.apache.cassandra.auth.PasswordAuthenticator;
import org.apache.cassandra.exceptions.AuthenticationException;
import org.apache.cassandra.service.ClientState;
import org.apache.cassandra.transport.messages.AuthenticateMessage;

/**
 * Authenticates clients with valid credentials, and lets all others in as anonymous. It is for the time in which
 * authentication is being switched on.
 *
 * The native protocol asks every client of a node for credentials, or none. A client without credentials cannot answer.
 * The node then asks nobody for a minute, so that the client's next attempt succeeds. {@link Attempts} remembers it.
 */
public final class TransitionalAuthenticator extends PasswordAuthenticator {
    @Override
    public boolean requireAuthentication() {
        return !Attempts.isOpen(System.nanoTime());
    }

    @Override
    public AuthenticateMessage getAuthenticateMessage(ClientState client) {
        Attempts.ask(client.getRemoteAddress(), client.getDriverName().orElse(""), System.nanoTime());
        // Drivers know this name, and can refuse one that they do not know.
        return new AuthenticateMessage(PasswordAuthenticator.class.getName());
    }

    @Override
    public SaslNegotiator newSaslNegotiator(InetAddress address) {
        return new Negotiator(address, super.newSaslNegotiator(address));
    }

    /** Returns why these credentials are not valid now; empty if they are. */
    String problem(byte[] response) {
        SaslNegotiator negotiator = super.newSaslNegotiator(null);
        try {
            negotiator.evaluateResponse(response);
            AuthenticatedUser user = negotiator.getAuthenticatedUser();
            return user.canLogin() ? "" : "may not log in";
        } catch (RuntimeException error) {
            return "wrong user or password";
        }
    }

    private final class Negotiator implements SaslNegotiator {
        private final InetAddress address;
        private final SaslNegotiator inner;
        private boolean complete;
        private boolean malformed;

        Negotiator(InetAddress address, SaslNegotiator inner) {
            this.address = address;
            this.inner = inner;
        }

        @Override
        public byte[] evaluateResponse(byte[] response) {
            try {
                inner.evaluateResponse(response);
            } catch (AuthenticationException error) {
                malformed = true;
            }
            Attempts.answer(address, response, System.nanoTime());
            complete = true;
            return null;
        }

        @Override
        public boolean isComplete() {
            return complete;
        }

        @Override
        public AuthenticatedUser getAuthenticatedUser() {
            if (malformed)
                return AuthenticatedUser.ANONYMOUS_USER;
            try {
                AuthenticatedUser user = inner.getAuthenticatedUser();
                return user.canLogin() ? user : AuthenticatedUser.ANONYMOUS_USER;
            } catch (RuntimeException error) {
                // Wrong, or not to be checked now: too few replicas of system_auth are up.
                return AuthenticatedUser.ANONYMOUS_USER;
            }
        }
    }
}
