package mesos.cassandra;

import java.net.InetAddress;
import java.security.cert.Certificate;
import java.util.Map;
import org.apache.cassandra.auth.MutualTlsWithPasswordFallbackAuthenticator;
import org.apache.cassandra.auth.PasswordAuthenticator;
import org.apache.cassandra.auth.SpiffeCertificateValidator;
import org.apache.cassandra.exceptions.AuthenticationException;
import org.apache.cassandra.service.ClientState;
import org.apache.cassandra.transport.messages.AuthenticateMessage;

/**
 * Authenticates a client by the identity of its certificate, or else by a password.
 *
 * A node presents a certificate too, when its executor queries another node. That proves which machine it is, and not
 * which user: a node needs a password, also if somebody gave its identity to a role.
 */
public final class CertificateAuthenticator extends MutualTlsWithPasswordFallbackAuthenticator {
    private static final String VALIDATOR = "validator_class_name";
    private static final String NODES = "nodes";

    private final SpiffeCertificateValidator validator = new SpiffeCertificateValidator();
    private final String nodes;

    /** The parameter `nodes` is the beginning of the identities of nodes; the number of the node follows. */
    public CertificateAuthenticator(Map<String, String> parameters) {
        super(Map.of(VALIDATOR, SpiffeCertificateValidator.class.getName()));
        nodes = parameters.get(NODES);
    }

    @Override
    public AuthenticateMessage getAuthenticateMessage(ClientState client) {
        // Drivers know this name, and can refuse one that they do not know.
        return new AuthenticateMessage(PasswordAuthenticator.class.getName());
    }

    @Override
    public SaslNegotiator newSaslNegotiator(InetAddress address, Certificate[] certificates) {
        return isOfNode(certificates) ? newSaslNegotiator(address) : super.newSaslNegotiator(address, certificates);
    }

    private boolean isOfNode(Certificate[] certificates) {
        if (certificates == null || certificates.length == 0)
            return false;
        try {
            String identity = validator.identity(certificates);
            return identity.startsWith(nodes) && identity.substring(nodes.length()).matches("[0-9]+");
        } catch (AuthenticationException error) {
            return false;
        }
    }
}
