package mesos.cassandra;

import java.lang.reflect.Field;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import javax.management.StandardMBean;
import org.apache.cassandra.auth.AuthenticatedUser;
import org.apache.cassandra.auth.FunctionResource;
import org.apache.cassandra.auth.Permission;
import org.apache.cassandra.config.DatabaseDescriptor;
import org.apache.cassandra.cql3.CQLStatement;
import org.apache.cassandra.cql3.ColumnIdentifier;
import org.apache.cassandra.cql3.QueryProcessor;
import org.apache.cassandra.cql3.statements.schema.AlterSchemaStatement;
import org.apache.cassandra.cql3.statements.schema.AlterTableStatement;
import org.apache.cassandra.cql3.statements.schema.CreateAggregateStatement;
import org.apache.cassandra.cql3.statements.schema.CreateFunctionStatement;
import org.apache.cassandra.cql3.statements.schema.CreateIndexStatement;
import org.apache.cassandra.cql3.statements.schema.CreateKeyspaceStatement;
import org.apache.cassandra.cql3.statements.schema.CreateTableStatement;
import org.apache.cassandra.cql3.statements.schema.CreateTriggerStatement;
import org.apache.cassandra.cql3.statements.schema.CreateViewStatement;
import org.apache.cassandra.db.guardrails.Guardrails;
import org.apache.cassandra.exceptions.CassandraException;
import org.apache.cassandra.exceptions.UnauthorizedException;
import org.apache.cassandra.schema.KeyspaceMetadata;
import org.apache.cassandra.schema.Keyspaces;
import org.apache.cassandra.schema.Schema;
import org.apache.cassandra.schema.SchemaConstants;
import org.apache.cassandra.schema.TableMetadata;
import org.apache.cassandra.service.ClientState;

/**
 * Validates statements that change the schema, one after another; reports in Cassandra's own words.
 *
 * Each statement is parsed, authorized and validated as by the native protocol, and then applied to a copy of the
 * schema, which the next one sees. Nothing is stored or sent to other nodes.
 */
final class SchemaTrial {
    /** The operations of the MBean. */
    public interface Management {
        /**
         * Returns Cassandra's refusal of each statement of a role; empty if it would accept it, and `untried: ` with
         * the reason if that cannot be decided. After a refused statement, the next ones see the schema without it.
         *
         * Cassandra looks up masking functions in the real schema alone. If a statement needs one that does not exist
         * yet, another statement without it is applied in its place.
         *
         * @param role the role that sends the statements; ignored if clients do not log in
         * @param applied for each statement the one to apply to the copy, mostly the same
         * @param tables for each statement the table that it concerns, as `keyspace.table`; empty for none
         */
        List<String> attempt(String role, String[] statements, String[] applied, String[] tables) throws Exception;
    }

    // An index on a table of a missing keyspace is validated in this keyspace: Cassandra looks up its replicas.
    private static final String STAND_IN = SchemaConstants.AUTH_KEYSPACE_NAME;

    // An unexpected error is the trial's own: a copy of the schema is not a schema in use.
    private static final String UNTRIED = "untried: ";

    private final ClientState client;
    private final Keyspaces before = Schema.instance.distributedKeyspaces();
    private Keyspaces now = before;
    private boolean createdFunctions;

    private SchemaTrial(ClientState client) {
        this.client = client;
    }

    static Object bean() throws Exception {
        return new StandardMBean(SchemaTrial::attempt, Management.class);
    }

    private static List<String> attempt(String role, String[] statements, String[] applied, String[] tables) {
        ClientState client = ClientState.forExternalCalls(new InetSocketAddress("127.0.0.1", 0));
        if (DatabaseDescriptor.getAuthenticator().requireAuthentication())
            client.login(new AuthenticatedUser(role));
        SchemaTrial trial = new SchemaTrial(client);
        List<String> answers = new ArrayList<>();
        for (int index = 0; index < statements.length; index++)
            answers.add(trial.words(statements[index], applied[index], tables[index]));
        return answers;
    }

    private String words(String text, String applied, String table) {
        try {
            check(QueryProcessor.getStatement(text, client), table);
            apply(QueryProcessor.getStatement(applied, client), table);
            return "";
        } catch (CassandraException error) {
            return String.valueOf(error.getMessage());
        } catch (Exception | LinkageError | AssertionError error) {
            return UNTRIED + error;
        }
    }

    private void check(CQLStatement statement, String table) {
        authorize(statement, table);
        statement.validate(client);
        if (!(statement instanceof AlterSchemaStatement))
            return;
        String keyspace = ((AlterSchemaStatement) statement).keyspace();
        KeyspaceMetadata virtual = Schema.instance.getKeyspaceMetadata(keyspace);
        if (SchemaConstants.isLocalSystemKeyspace(keyspace) || virtual != null && virtual.isVirtual())
            throw new UnauthorizedException("Keyspace " + keyspace + " is not user-modifiable");
        createdFunctions |= statement instanceof CreateFunctionStatement;
    }

    private void apply(CQLStatement statement, String table) throws Exception {
        if (!(statement instanceof AlterSchemaStatement))
            return;
        statement.validate(client);
        AlterSchemaStatement change = (AlterSchemaStatement) statement;
        Keyspaces after = changed(change, table);
        if (change instanceof CreateKeyspaceStatement)
            Guardrails.keyspaces.guard(users(after).size(), change.keyspace(), false, client);
        if (change instanceof CreateTableStatement)
            Guardrails.tables.guard(tables(after), table, false, client);
        now = after;
    }

    /** Checks the role's permissions. A creator has every permission on its element; triggers need a superuser. */
    private void authorize(CQLStatement statement, String table) {
        if (!(statement instanceof CreateTriggerStatement) && isOwn(statement, table))
            return;
        if (statement instanceof CreateAggregateStatement && createdFunctions) {
            // Its functions cannot be looked up, either.
            String keyspace = ((AlterSchemaStatement) statement).keyspace();
            client.ensurePermission(Permission.CREATE, FunctionResource.keyspace(keyspace));
            return;
        }
        statement.authorize(client);
    }

    private boolean isOwn(CQLStatement statement, String table) {
        return statement instanceof AlterSchemaStatement && isNew(((AlterSchemaStatement) statement).keyspace())
            || table(now, table) != null && table(before, table) == null;
    }

    private boolean isNew(String keyspace) {
        return now.containsKeyspace(keyspace) && !before.containsKeyspace(keyspace);
    }

    private Keyspaces changed(AlterSchemaStatement change, String table) throws Exception {
        TableMetadata found = table(now, table);
        if (change instanceof CreateIndexStatement && found != null && isNew(found.keyspace))
            return withIndex(change, found);
        boolean isNewTable = found != null && table(before, table) == null;
        if (change instanceof CreateViewStatement && isNewTable)
            return withView(change, found);
        Set<?> columns = change instanceof AlterTableStatement && isNewTable ? dropped(change) : null;
        return columns == null ? change.apply(now) : withoutColumns(found, columns);
    }

    private static TableMetadata.Builder copy(TableMetadata table, String keyspace) {
        return TableMetadata.builder(keyspace, table.name, table.id)
            .partitioner(table.partitioner).kind(table.kind).params(table.params).flags(table.flags)
            .addColumns(table.columns()).droppedColumns(table.droppedColumns).indexes(table.indexes)
            .triggers(table.triggers);
    }

    /** Applies a view on a virtual copy of a new table: Cassandra queries the store of a real one for its indexes. */
    private Keyspaces withView(AlterSchemaStatement change, TableMetadata table) {
        TableMetadata virtual = copy(table, table.keyspace).kind(TableMetadata.Kind.VIRTUAL).build();
        KeyspaceMetadata viewed = change.apply(with(table.keyspace, virtual)).getNullable(table.keyspace);
        return now.withAddedOrUpdated(now.getNullable(table.keyspace).withSwapped(viewed.views));
    }

    private Keyspaces withIndex(AlterSchemaStatement change, TableMetadata table) {
        TableMetadata elsewhere = copy(table, STAND_IN).build();
        TableMetadata indexed = table(change.apply(with(table.keyspace, elsewhere)), table.keyspace + "." + table.name);
        return with(table.keyspace, table.withSwapped(indexed.indexes));
    }

    /** Drops columns of a new table, without Cassandra's query of its indexes, which it does not have yet. */
    private Keyspaces withoutColumns(TableMetadata table, Set<?> columns) {
        Guardrails.alterTableEnabled.ensureEnabled("ALTER TABLE changing columns", client);
        TableMetadata.Builder changed = table.unbuild();
        for (Object column : columns)
            changed.removeRegularOrStaticColumn((ColumnIdentifier) column)
                .recordColumnDrop(table.getColumn((ColumnIdentifier) column), ClientState.getTimestamp());
        return with(table.keyspace, changed.build());
    }

    private Keyspaces with(String keyspace, TableMetadata table) {
        KeyspaceMetadata found = now.getNullable(keyspace);
        return now.withAddedOrUpdated(found.withSwapped(found.tables.without(table.name).with(table)));
    }

    /** Returns the columns that a statement drops; null if it does something else. */
    private static Set<?> dropped(AlterSchemaStatement change) throws Exception {
        if (!change.getClass().getSimpleName().equals("DropColumns"))
            return null;
        Field columns = change.getClass().getDeclaredField("removedColumns");
        columns.setAccessible(true);
        return (Set<?>) columns.get(change);
    }

    private static TableMetadata table(Keyspaces keyspaces, String table) {
        int dot = table.indexOf('.');
        KeyspaceMetadata found = dot < 0 ? null : keyspaces.getNullable(table.substring(0, dot));
        return found == null ? null : found.getTableOrViewNullable(table.substring(dot + 1));
    }

    private static Keyspaces users(Keyspaces keyspaces) {
        return keyspaces.filter(found -> !SchemaConstants.isSystemKeyspace(found.name));
    }

    private static int tables(Keyspaces keyspaces) {
        return users(keyspaces).stream().mapToInt(found -> found.tables.size() + found.views.size()).sum();
    }
}
