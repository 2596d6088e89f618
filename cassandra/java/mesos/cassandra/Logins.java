package mesos.cassandra;

import io.netty.handler.ssl.SslHandler;
import java.lang.reflect.Field;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import javax.management.StandardMBean;
import javax.net.ssl.SSLPeerUnverifiedException;
import org.apache.cassandra.auth.AuthenticatedUser;
import org.apache.cassandra.auth.IAuthenticator;
import org.apache.cassandra.auth.IRoleManager;
import org.apache.cassandra.auth.RoleOptions;
import org.apache.cassandra.auth.RoleResource;
import org.apache.cassandra.auth.Roles;
import org.apache.cassandra.config.DatabaseDescriptor;
import org.apache.cassandra.cql3.QueryProcessor;
import org.apache.cassandra.db.ConsistencyLevel;
import org.apache.cassandra.db.Keyspace;
import org.apache.cassandra.locator.AbstractReplicationStrategy;
import org.apache.cassandra.locator.NetworkTopologyStrategy;
import org.apache.cassandra.metrics.ClientMetrics;
import org.apache.cassandra.schema.Schema;
import org.apache.cassandra.schema.SchemaConstants;
import org.apache.cassandra.schema.TableMetadata;
import org.apache.cassandra.transport.ConnectedClient;
import org.apache.cassandra.transport.Connection;
import org.apache.cassandra.transport.ConnectionStage;

/**
 * Roles of the service, the replication of system_auth, and the clients that could not log in.
 *
 * CQL cannot do this before there is a superuser, or while Cassandra has no authenticator with passwords.
 */
final class Logins {
    private static final String AUTH = SchemaConstants.AUTH_KEYSPACE_NAME;
    private static final int SHOWN = 20;

    /** The operations of the MBean. */
    public interface Management {
        /** Creates a superuser with this password, or sets its password; returns whether it existed. */
        boolean setSuperuser(String name, String password) throws Exception;

        /** Takes login, superuser and password from a role; returns false if there is no such role. */
        boolean disable(String name, String password) throws Exception;

        /** Raises the replicas of system_auth in a data center, and sends its rows to all replicas. */
        String replicate(String dataCenter, int replicas) throws Exception;

        /** Returns the clients that left without credentials. */
        List<String> silent() throws Exception;

        /** Returns the clients whose credentials are not valid now, and connected users without a permission. */
        List<String> refused(boolean permissions) throws Exception;

        /** Returns the addresses of clients that are logged in without a certificate. */
        List<String> uncertified() throws Exception;
    }

    private static final class Bean implements Management {
        @Override
        public boolean setSuperuser(String name, String password) {
            RoleOptions options = options(true, true, password);
            RoleResource role = RoleResource.role(name);
            IRoleManager roles = DatabaseDescriptor.getRoleManager();
            boolean exists = roles.isExistingRole(role);
            if (exists)
                roles.alterRole(AuthenticatedUser.SYSTEM_USER, role, options);
            else
                roles.createRole(AuthenticatedUser.SYSTEM_USER, role, options);
            Roles.cache.invalidate();
            return exists;
        }

        @Override
        public boolean disable(String name, String password) {
            RoleResource role = RoleResource.role(name);
            IRoleManager roles = DatabaseDescriptor.getRoleManager();
            if (!roles.isExistingRole(role))
                return false;
            boolean active = roles.canLogin(role) || roles.isSuper(role);
            if (active)
                roles.alterRole(AuthenticatedUser.SYSTEM_USER, role, options(false, false, password));
            Roles.cache.invalidate();
            return true;
        }

        @Override
        public String replicate(String dataCenter, int replicas) throws Exception {
            AbstractReplicationStrategy strategy = Keyspace.open(AUTH).getReplicationStrategy();
            Map<String, String> wanted = new LinkedHashMap<>();
            if (strategy instanceof NetworkTopologyStrategy)
                wanted.putAll(strategy.configOptions);
            String before = wanted.get(dataCenter);
            int present = before == null ? 0 : Integer.parseInt(before.split("/")[0]);
            if (present < replicas) {
                wanted.put(dataCenter, Integer.toString(replicas));
                StringBuilder text = new StringBuilder("{'class': 'NetworkTopologyStrategy'");
                wanted.forEach((name, count) ->
                    text.append(", '").append(name.replace("'", "''")).append("': '").append(count).append("'"));
                String statement = "ALTER KEYSPACE " + AUTH + " WITH replication = " + text + "}";
                QueryProcessor.process(statement, ConsistencyLevel.ONE);
            }
            // A read from all replicas sends each the rows that it lacks: logins do not fail until the repair.
            for (TableMetadata table : Schema.instance.getKeyspaceMetadata(AUTH).tables)
                QueryProcessor.process("SELECT * FROM " + AUTH + "." + table.name, ConsistencyLevel.ALL);
            return dataCenter + ": " + Math.max(present, replicas);
        }

        @Override
        public List<String> silent() {
            return shortened(Attempts.silent(System.nanoTime()));
        }

        @Override
        public List<String> refused(boolean permissions) {
            Set<String> found = new LinkedHashSet<>();
            IAuthenticator authenticator = DatabaseDescriptor.getAuthenticator();
            if (authenticator instanceof TransitionalAuthenticator)
                found.addAll(anonymous((TransitionalAuthenticator) authenticator));
            if (permissions)
                found.addAll(powerless());
            return shortened(new ArrayList<>(found));
        }

        @Override
        public List<String> uncertified() throws ReflectiveOperationException {
            // Cassandra 5.0 tells of a client whether it has TLS, and not whether it has a certificate.
            Field field = ConnectedClient.class.getDeclaredField("connection");
            field.setAccessible(true);
            Set<String> found = new LinkedHashSet<>();
            for (ConnectedClient client : ClientMetrics.instance.allConnectedClients())
                if (client.stage() == ConnectionStage.READY && !isCertified((Connection) field.get(client)))
                    found.add(client.remoteAddress().getAddress().getHostAddress());
            return shortened(new ArrayList<>(found));
        }
    }

    private Logins() {}

    static Object bean() throws Exception {
        return new StandardMBean(new Bean(), Management.class);
    }

    private static RoleOptions options(boolean login, boolean superuser, String password) {
        RoleOptions options = new RoleOptions();
        options.setOption(IRoleManager.Option.LOGIN, login);
        options.setOption(IRoleManager.Option.SUPERUSER, superuser);
        options.setOption(IRoleManager.Option.PASSWORD, password);
        return options;
    }

    /** Returns connected users that are no superusers and have no permission: with authorization they can do nothing. */
    private static List<String> powerless() {
        Set<String> holders = new LinkedHashSet<>();
        QueryProcessor.process("SELECT role FROM " + AUTH + ".role_permissions", ConsistencyLevel.LOCAL_ONE)
            .forEach(row -> holders.add(row.getString("role")));
        List<String> found = new ArrayList<>();
        for (ConnectedClient client : ClientMetrics.instance.allConnectedClients()) {
            String name = client.username().orElse(AuthenticatedUser.ANONYMOUS_USERNAME);
            if (name.equals(AuthenticatedUser.ANONYMOUS_USERNAME))
                continue;
            AuthenticatedUser user = new AuthenticatedUser(name);
            if (!user.isSuper() && user.getRoles().stream().noneMatch(role -> holders.contains(role.getRoleName())))
                found.add(client.remoteAddress().getAddress().getHostAddress() + " as " + name + " (no permissions)");
        }
        return found;
    }

    /** Returns the anonymous clients whose credentials are wrong now, or that were let in without a question. */
    private static Set<String> anonymous(TransitionalAuthenticator authenticator) {
        Set<String> found = new LinkedHashSet<>();
        Map<String, String> checked = new HashMap<>();
        for (ConnectedClient client : ClientMetrics.instance.allConnectedClients()) {
            if (!client.username().orElse("").equals(AuthenticatedUser.ANONYMOUS_USERNAME) || found.size() > SHOWN)
                continue;
            String address = client.remoteAddress().getAddress().getHostAddress();
            byte[] offered = Attempts.offered(client.remoteAddress());
            if (offered == null) {
                found.add(address + " (connected before it was asked for credentials)");
                continue;
            }
            // A check takes tens of milliseconds, and a client has several connections.
            String problem = checked.computeIfAbsent(
                Base64.getEncoder().encodeToString(offered), ignored -> authenticator.problem(offered));
            if (!problem.isEmpty())
                found.add(address + " as " + Attempts.user(offered) + " (" + problem + ")");
        }
        return found;
    }

    private static boolean isCertified(Connection connection) {
        SslHandler tls = connection.channel().pipeline().get(SslHandler.class);
        try {
            return tls != null && tls.engine().getSession().getPeerCertificates().length > 0;
        } catch (SSLPeerUnverifiedException error) {
            return false;
        }
    }

    private static List<String> shortened(List<String> found) {
        return found.size() <= SHOWN ? found : new ArrayList<>(found.subList(0, SHOWN));
    }
}
