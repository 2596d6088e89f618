package mesos.cassandra;

import java.util.Set;
import org.apache.cassandra.auth.AuthenticatedUser;
import org.apache.cassandra.auth.CassandraAuthorizer;
import org.apache.cassandra.auth.IResource;
import org.apache.cassandra.auth.Permission;

/**
 * Permits everything to everybody, and stores what is granted and revoked. It is for the time in which authorization is
 * being switched on: operators grant permissions before they count.
 */
public final class TransitionalAuthorizer extends CassandraAuthorizer {
    @Override
    public Set<Permission> authorize(AuthenticatedUser user, IResource resource) {
        return resource.applicablePermissions();
    }
}
