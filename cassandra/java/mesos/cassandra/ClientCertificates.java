package mesos.cassandra;

import io.netty.handler.ssl.CipherSuiteFilter;
import io.netty.handler.ssl.DelegatingSslContext;
import io.netty.handler.ssl.SslContext;
import java.util.List;
import java.util.Map;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLException;
import org.apache.cassandra.security.ISslContextFactory;
import org.apache.cassandra.security.PEMBasedSslContextFactory;

/**
 * PEM files as Cassandra's own factory reads them, with which a server asks clients for certificates and lets in those
 * without one.
 *
 * In Cassandra 5.0 `require_client_auth` asks all clients for a certificate, or none. Here it has to be true, so that
 * certificates are verified; a client with a certificate of another authority is still refused.
 */
public final class ClientCertificates implements ISslContextFactory {
    private final PEMBasedSslContextFactory files;

    /** The parameters are those of Cassandra's own factory. */
    public ClientCertificates(Map<String, Object> parameters) {
        files = new PEMBasedSslContextFactory(parameters);
    }

    @Override
    public SslContext createNettySslContext(boolean verifies, SocketType type, CipherSuiteFilter ciphers)
        throws SSLException {
        SslContext inner = files.createNettySslContext(verifies, type, ciphers);
        return type == SocketType.SERVER && verifies ? new Optional(inner) : inner;
    }

    @Override
    public SSLContext createJSSESslContext(boolean verifies) throws SSLException {
        return files.createJSSESslContext(verifies);
    }

    @Override
    public void initHotReloading() {
        files.initHotReloading();
    }

    @Override
    public boolean shouldReload() {
        return files.shouldReload();
    }

    @Override
    public boolean hasKeystore() {
        return files.hasKeystore();
    }

    @Override
    public boolean hasOutboundKeystore() {
        return files.hasOutboundKeystore();
    }

    @Override
    public List<String> getAcceptedProtocols() {
        return files.getAcceptedProtocols();
    }

    @Override
    public List<String> getCipherSuites() {
        return files.getCipherSuites();
    }

    private static final class Optional extends DelegatingSslContext {
        Optional(SslContext inner) {
            super(inner);
        }

        @Override
        protected void initEngine(SSLEngine engine) {
            engine.setWantClientAuth(true);
        }
    }
}
