"""What decides which code runs is the environment's alone to say."""

from __future__ import annotations

import json

import pytest

from scheduler.core.state.configuration import Override
from scheduler.settings.code import NAMES, change_problem, is_harmless, problem, problems, without_code

HARMLESS = """
    -Xss512k -Xint -Xlog -Xlog:gc*=debug,safepoint -Xlog:gc::time,uptime -Xlog:gc:stderr -verbose:gc -ea -da
    -ea:org.apache.cassandra.db --add-opens=java.base/java.lang=ALL-UNNAMED
    -XX:+UseNUMA -XX:-UseBiasedLocking -XX:MaxDirectMemorySize=2G -XX:MaxGCPauseMillis=200 -XX:NoSuchOption=1
    -XX:+HeapDumpOnOutOfMemoryError -XX:+ExitOnOutOfMemoryError -XX:NativeMemoryTracking=summary
    -XX:+UnlockDiagnosticVMOptions -XX:TypeProfileLevel=0 -XX:ReservedCodeCacheSize=240m -XX:ConcGCThreads=2
    -Dcassandra.ring_delay_ms=2000 -Dcassandra.join_ring=false -Dx=1 -Da=b -Dflag -Dratio=0.5 -Dfile.encoding=UTF-8
    -Xverify:all -XX:-CreateCoredumpOnCrash -XX:+PrintCodeCache -XX:+PrintFlagsFinal
    -Dcassandra.max_queued_native_transport_requests=1024 -Djava.net.preferIPv4Stack=true
    -Duser.timezone=Europe/Berlin -Dsun.net.inetaddr.ttl=5 -Dio.netty.eventLoopThreads=4 -Dcassandra.deterministic=1
"""
HARMFUL = """
    -XX:OnOutOfMemoryError=reboot -XX:OnError=gdb -XX:+OnError -XX:OnError:=gdb -XX:Flags=.hotspotrc -XX:+Flags
    -XX:VMOptionsFile=/tmp/x -XX:ErrorFile=/tmp/x -XX:HeapDumpPath=/tmp -XX:SharedArchiveFile=x.jsa
    -XX:ArchiveClassesAtExit=x -XX:JVMCILibPath=x -XX:+EnableJVMCI -XX:AOTCache=x -XX:StartFlightRecording=disk
    -XX:+StartAttachListener -XX:CompileCommandFile=x -XX:CompilerDirectivesFile=x -XX:AllocateHeapAt=x -XX:LogFile=x
    -XX:+EnableDynamicAgentLoading -XX:PerfDataSaveFile=x -XX:+AutoCreateSharedArchive -XX:+ShowMessageBoxOnError
    -javaagent:/tmp/x.jar -agentlib:jdwp=server=y -agentpath:/tmp/x.so -Xrunjdwp:server=y -Xdebug
    -Xbootclasspath/a:/tmp/x.jar -Xbootclasspath:/tmp/x.jar -Xlog:gc:file=/tmp/x -Xlog:gc:/tmp/x -Xlog:gc:x.log
    -cp -classpath --class-path=/tmp -jar --module-path=/tmp --patch-module=java.base=/tmp --add-modules=ALL
    --upgrade-module-path=/tmp -p -Xshare:dump -version -help -X @/tmp/options
    -Djava.security.manager -Djava.security.policy==x -Djava.security.properties=x -Djava.system.class.loader=Evil
    -Djava.class.path=x -Djava.library.path=x -Djava.rmi.server.useCodebaseOnly=false -Djava.ext.dirs=x
    -Dcom.sun.management.jmxremote -Dcom.sun.management.jmxremote.port=7199 -Dcassandra.jmx.remote.port=7199
    -Dcom.sun.jndi.ldap.object.trustURLCodebase=true -Dsun.boot.library.path=x -Djdk.attach.allowAttachSelf=true
    -Djavax.management.builder.initial=Evil -Dlogback.configurationFile=evil -Dcassandra.config=x
    -Dcassandra.config.loader=Evil -Dcassandra.triggers_dir=x -Dcassandra.custom_query_handler_class=Evil
    -Djna.library.path=x -Djna.tmpdir=x -Dio.netty.native.workdir=x -Dorg.xerial.snappy.use.systemlib=true
    -Dcassandra.x=org.evil.Class -Dx=/tmp/y -Dx=http://evil -Duser.timezone=../../x=y -Dx=a,b
    -Xverify:none -XX:-BytecodeVerificationRemote -XX:+ManagementServer -XX:+PrintAssembly -XX:+PrintNMethods
    -XX:+PrintStubCode -XX:+PrintAdapterHandlers -XX:+DumpPerfMapAtExit -XX:+DumpSharedSpaces -XX:+PauseAtStartup
    -XX:+HeapDumpBeforeFullGC -XX:+WhiteBoxAPI -XX:+RelaxAccessControlCheck -XX:+CreateCoredumpOnCrash
    -XX:+CrashOnOutOfMemoryError -XX:+DumpPrivateMappingsInCore -Dcassandra.storage_hook=Evil
    -Dcassandra.stream_hook=Evil -Dcassandra.clock=Evil -Dcassandra.partitioner=Evil -DsocksProxyHost=evil
    -Djolokia.x=1 -Dx=ä -XX:ä=1 -XX:CRaCRestoreFrom=x -XX:CRaCCheckpointTo=x -XX:CREngine=x -XX:ProfileLogIn=x
"""


@pytest.mark.parametrize("word", HARMLESS.split())
def test_harmless(word: str) -> None:
    assert is_harmless(word)
    assert problem("CASSANDRA_JVM_OPTIONS", word, {}) is None


@pytest.mark.parametrize("word", HARMFUL.split())
def test_harmful(word: str) -> None:
    found = problem("CASSANDRA_JVM_OPTIONS", f"-Xss1m {word}", {})
    assert found is not None
    assert found.startswith("CASSANDRA_JVM_OPTIONS must not hold ")
    assert "/tmp" not in found
    assert problem("CASSANDRA_JVM_OPTIONS", f"{word} -Xss1m", {"CASSANDRA_JVM_OPTIONS": f"-Xint {word}"}) is None


def test_quotes_do_not_hide_an_option() -> None:
    for text in ('"-XX:On"Error=gdb', "-XX:'OnError=gdb -p %p'", "-java\\agent:x", "-X'bootclasspath/a:x'"):
        assert problem("CASSANDRA_JVM_OPTIONS", text, {}) is not None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("audit_logging_options: {archive_command: '/bin/x %path'}", "audit_logging_options.archive_command"),
        ("full_query_logging_options: {archive_command: x}", "full_query_logging_options.archive_command"),
        ("full_query_logging_options: {allow_nodetool_archive_command: true}", "allow_nodetool_archive_command"),
        ("allow_insecure_udfs: true", "allow_insecure_udfs"),
        ("allow_extra_insecure_udfs: true", "allow_extra_insecure_udfs"),
    ],
)  # fmt: skip
def test_keys_of_yaml(text: str, says: str) -> None:
    found = problem("CASSANDRA_YAML", text, {})
    assert found is not None
    assert says in found
    assert "/bin" not in found
    assert problem("CASSANDRA_YAML", f"{text}\nnum_tokens: 8", {"CASSANDRA_YAML": text}) is None


@pytest.mark.parametrize(
    "text",
    [
        "authenticator: PasswordAuthenticator",
        "audit_logging_options: {archive_command: ''}",
        "allow_insecure_udfs: false",
    ],
)
def test_other_keys_of_yaml(text: str) -> None:
    assert problem("CASSANDRA_YAML", text, {}) is None


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("CASSANDRA_AUTHENTICATOR", "org.evil.Code"),
        ("CASSANDRA_INTERNODE_AUTHENTICATOR", "org.apache.cassandrax.Code"),
        ("CASSANDRA_YAML", "authenticator: org.evil.Code"),
        ("CASSANDRA_YAML", "crypto_provider: {class_name: org.evil.Code}"),
        ("CASSANDRA_YAML", "crypto_provider: [{class_name: org.evil.Code, parameters: []}]"),
        ("CASSANDRA_YAML", "memtable: {configurations: {a: {class_name: org.evil.Code}}}"),
        ("CASSANDRA_YAML", "role_manager: http://evil/x.jar"),
        ("CASSANDRA_YAML", "audit_logging_options: {logger: [{'class_name': 'org.evil.Code'}]}"),
        ("CASSANDRA_YAML", "audit_logging_options: {logger: org.evil.Code}"),
        ("CASSANDRA_YAML", "client_encryption_options: {ssl_context_factory: org.evil.Code}"),
        ("CASSANDRA_YAML", "transparent_data_encryption_options: {key_provider: [org.evil.Code]}"),
        ("CASSANDRA_YAML", "row_cache_class_name: org.evil.Code"),
        ("CASSANDRA_YAML", "otc_coalescing_strategy: org.evil.Code"),
        ("CASSANDRA_PARTITIONER", "org.evil.Code"),
        (
            "CASSANDRA_YAML",
            "authenticator: {class_name: MutualTlsAuthenticator, parameters: {validator_class_name: org.evil.Code}}",
        ),
    ],
)
def test_changes_name_classes_of_cassandra_alone(name: str, text: str) -> None:
    found = change_problem(name, text, {})
    assert found is not None
    assert "evil" not in found
    assert change_problem(name, text, {name: text}) is None
    # A start keeps what was stored.
    assert problem(name, text, {}) is None


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("CASSANDRA_AUTHENTICATOR", "PasswordAuthenticator"),
        ("CASSANDRA_CLUSTER_NAME", "org.evil.Code"),
        ("CASSANDRA_YAML", "authenticator: org.apache.cassandra.auth.PasswordAuthenticator"),
        ("CASSANDRA_YAML", "memtable: {configurations: {a: {class_name: TrieMemtable, parameters: {x: a.b}}}}"),
        ("CASSANDRA_YAML", "role_manager: {class_name: CassandraRoleManager}\ncrypto_provider: null"),
        ("CASSANDRA_YAML", "otc_coalescing_strategy: DISABLED\naudit_logging_options: {logger: FileAuditLogger}"),
        ("CASSANDRA_PARTITIONER", "org.apache.cassandra.dht.Murmur3Partitioner"),
    ],
)
def test_own_classes(name: str, text: str) -> None:
    assert change_problem(name, text, {}) is None


@pytest.mark.parametrize(
    "path",
    [
        "/etc/cron.d", "/", "..", "../../volume/data", "logs/../volume", "logs", "logs/", "logs/..", "logs/./x",
        "volume/x", "logs//x", "logs/.x", "a b", "~/x", "$HOME", "logs/x/../../conf", "LOGS/x", "logs\\..\\x", "logs/ä",
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "key",
    [
        "heap_dump_path", "audit_logging_options.audit_logs_dir", "full_query_logging_options.log_dir",
        "startup_checks.check_data_resurrection.heartbeat_file",
    ],
)  # fmt: skip
def test_changes_name_paths_below_the_logs_alone(key: str, path: str) -> None:
    def text(path: str) -> str:
        value = json.dumps(path)
        for part in reversed(key.split(".")):
            value = f"{{{part}: {value}}}"
        return value

    found = change_problem("CASSANDRA_YAML", text(path), {})
    assert found is not None
    assert f" in {key}, " in found
    assert change_problem("CASSANDRA_YAML", text(path), {"CASSANDRA_YAML": text(path)}) is None
    # A start keeps what was stored.
    assert problem("CASSANDRA_YAML", text(path), {}) is None
    for good in ("logs/audit", "logs/audit/2.x/", ""):
        assert change_problem("CASSANDRA_YAML", text(good), {}) is None


def test_names() -> None:
    for name in NAMES:
        assert problem(name, "x", {}) is not None
        assert problem(name, "x", {name: "x"}) is None


def test_overrides_of_before() -> None:
    stored = {"EXECUTOR_COMMAND": Override("evil", ""), "NODES": Override("4", "")}
    assert without_code(stored, {}) == {"NODES": Override("4", "")}
    assert len(problems(stored, {})) == 1
