package io.varve.control.membership;

import com.hazelcast.config.AdvancedNetworkConfig;
import com.hazelcast.config.ClassFilter;
import com.hazelcast.config.Config;
import com.hazelcast.config.EvictionConfig;
import com.hazelcast.config.EvictionPolicy;
import com.hazelcast.config.InMemoryFormat;
import com.hazelcast.config.JavaSerializationFilterConfig;
import com.hazelcast.config.MapConfig;
import com.hazelcast.config.MaxSizePolicy;
import com.hazelcast.config.MergePolicyConfig;
import com.hazelcast.config.NearCacheConfig;
import com.hazelcast.config.ServerSocketEndpointConfig;
import com.hazelcast.instance.ProtocolType;
import com.hazelcast.spi.merge.DiscardMergePolicy;
import io.varve.control.membership.MembershipConfig.Address;
import java.time.Duration;

/**
 * How Hazelcast is set up here: as little of it as there is. One port, which speaks the members' protocol only (no clients, no REST, no
 * scripting, no management centre), members from a list, few threads that mostly sleep, maps of bytes.
 */
final class HazelcastSettings {
    /** What nodes tell of their load; each stays for a while and goes. */
    static final String LOADS = "varve.loads";

    /** The placement view. */
    static final String VIEW = "varve.view";

    /** For each node the index of the newest change that concerns it. */
    static final String NEWS = "varve.news";

    /** A node that told nothing for so long has no load to show. */
    static final Duration LOAD_LIVES = Duration.ofSeconds(30);

    /** Nodes of which loads and news are kept, on each member: more than a cluster has. */
    static final int MAX_NODES = 4_096;

    /** The same for all members of a cluster, for ever. Thirty-one hold a few megabytes as well as the usual 271, with less to keep in order. */
    private static final String PARTITIONS = "31";

    /**
     * Answers of a map take microseconds to milliseconds. Members tell one another four times in this time that operations are still under way,
     * which wakes an idle process; nobody waits for it to the end.
     */
    private static final Duration OPERATION = Duration.ofSeconds(20);

    /** Entries of the view that a node keeps at hand; an entry is at most {@link ViewPlan#MAX_ENTRY_BYTES}. */
    private static final int NEAR_ENTRIES = 128;

    static final String NODE = "node";
    static final String INCARNATION = "incarnation";

    /**
     * Failures that members send to one another as Java objects, by class. An answer with one that is missing here is dropped, and whoever waits for it waits
     * until its call times out: a member then joins seconds or minutes late, or not at all. Packages are named only where they hold nothing but failures and
     * what goes with them.
     */
    static final ClassFilter FAILURES = new ClassFilter()
            .addPrefixes("com.hazelcast.spi.exception.", "com.hazelcast.core.", "com.hazelcast.partition.")
            .addClasses(
                    "com.hazelcast.config.InvalidConfigurationException",
                    "com.hazelcast.internal.cluster.impl.ClusterTopologyChangedException",
                    "com.hazelcast.internal.cluster.impl.ConfigMismatchException",
                    "com.hazelcast.internal.cluster.impl.MasterNodeChangedException",
                    "com.hazelcast.internal.cluster.impl.VersionMismatchException",
                    "com.hazelcast.internal.partition.PartitionStateVersionMismatchException",
                    "com.hazelcast.internal.server.tcp.ProtocolException",
                    "com.hazelcast.map.ReachedMaxSizeException",
                    "com.hazelcast.map.impl.operation.EntryOffloadableLockMismatchException",
                    "com.hazelcast.map.impl.operation.MapFetchIndexOperation$MissingPartitionException",
                    "com.hazelcast.nio.serialization.HazelcastSerializationException",
                    "com.hazelcast.spi.impl.operationservice.WrappableException",
                    "com.hazelcast.splitbrainprotection.SplitBrainProtectionException",
                    "java.lang.Throwable",
                    "java.lang.Exception",
                    "java.lang.RuntimeException",
                    "java.lang.IllegalStateException",
                    "java.lang.IllegalArgumentException",
                    "java.lang.UnsupportedOperationException",
                    "java.lang.NullPointerException",
                    "java.lang.ClassCastException",
                    "java.lang.InterruptedException",
                    "java.lang.SecurityException",
                    "java.lang.StackTraceElement",
                    "[Ljava.lang.StackTraceElement;",
                    "java.util.Collections$EmptyList",
                    "java.util.concurrent.CancellationException",
                    "java.util.concurrent.CompletionException",
                    "java.util.concurrent.ExecutionException",
                    "java.util.concurrent.RejectedExecutionException",
                    "java.util.concurrent.TimeoutException",
                    "java.io.EOFException",
                    "java.io.IOException");

    private HazelcastSettings() {}

    static Config of(MembershipConfig told, MembershipKey key) {
        Config config =
                new Config().setClusterName(key.clusterName()).setInstanceName(told.node() + "@" + told.listen());
        config.getMemberAttributeConfig()
                .setAttribute(NODE, told.node())
                .setAttribute(INCARNATION, Long.toString(told.incarnation()));
        told.attributes().forEach(config.getMemberAttributeConfig()::setAttribute);
        properties(config, told.times());
        network(config.getAdvancedNetworkConfig(), told);
        refuseWhatIsNotOurs(config);
        config.addMapConfig(map(LOADS).setEvictionConfig(atMost(MAX_NODES)));
        config.addMapConfig(map(NEWS).setEvictionConfig(atMost(MAX_NODES)));
        config.addMapConfig(map(VIEW)
                .setEvictionConfig(atMost(ViewPlan.MAX_ENTRIES))
                .setNearCacheConfig(new NearCacheConfig()
                        .setInMemoryFormat(InMemoryFormat.BINARY)
                        .setInvalidateOnChange(true)
                        .setCacheLocalEntries(true)
                        .setEvictionConfig(atMost(NEAR_ENTRIES).setMaxSizePolicy(MaxSizePolicy.ENTRY_COUNT))));
        return config;
    }

    private static void properties(Config config, MembershipTimes times) {
        config.setProperty("hazelcast.logging.type", "slf4j");
        config.setProperty("hazelcast.phone.home.enabled", "false");
        config.setProperty("hazelcast.shutdownhook.enabled", "false");
        config.setProperty("hazelcast.jmx", "false");
        config.setProperty("hazelcast.partition.count", PARTITIONS);

        // Each of these threads, and each look at nothing, wakes an idle process.
        config.setProperty("hazelcast.health.monitoring.level", "OFF");
        config.setProperty("hazelcast.slow.operation.detector.enabled", "false");
        config.setProperty("hazelcast.io.balancer.interval.seconds", "0");
        config.setProperty("hazelcast.network.stats.refresh.interval.seconds", "300");
        config.setProperty("hazelcast.client.cleanup.period.millis", "300000");
        config.setProperty("hazelcast.internal.map.expiration.task.period.seconds", "30");
        config.setProperty("hazelcast.io.input.thread.count", "1");
        config.setProperty("hazelcast.io.output.thread.count", "1");
        config.setProperty("hazelcast.operation.thread.count", "2");
        config.setProperty("hazelcast.operation.generic.thread.count", "2");
        config.setProperty("hazelcast.operation.priority.generic.thread.count", "1");
        config.setProperty("hazelcast.operation.response.thread.count", "1");
        config.setProperty("hazelcast.event.thread.count", "1");
        config.setProperty("hazelcast.event.queue.capacity", "10000");
        config.getMetricsConfig().setEnabled(false);
        config.getJetConfig().setEnabled(false);

        config.setProperty("hazelcast.heartbeat.interval.seconds", seconds(times.heartbeat()));
        config.setProperty("hazelcast.max.no.heartbeat.seconds", seconds(times.silence()));
        config.setProperty("hazelcast.merge.first.run.delay.seconds", seconds(times.merge()));
        config.setProperty("hazelcast.merge.next.run.delay.seconds", seconds(times.merge()));
        config.setProperty("hazelcast.wait.seconds.before.join", "1");
        config.setProperty("hazelcast.max.wait.seconds.before.join", "5");
        config.setProperty("hazelcast.max.join.seconds", "30");
        config.setProperty("hazelcast.operation.call.timeout.millis", Long.toString(OPERATION.toMillis()));
        // The near cache hears of a change at once, not with the next bunch.
        config.setProperty("hazelcast.map.invalidation.batch.enabled", "false");
    }

    private static String seconds(Duration time) {
        return Long.toString(time.toSeconds());
    }

    private static void network(AdvancedNetworkConfig network, MembershipConfig told) {
        network.setEnabled(true);
        var join = network.getJoin();
        join.getMulticastConfig().setEnabled(false);
        join.getAutoDetectionConfig().setEnabled(false);
        join.getTcpIpConfig()
                .setEnabled(true)
                .setConnectionTimeoutSeconds(2)
                .setMembers(told.join().stream().map(Address::toString).toList());
        ServerSocketEndpointConfig members = new ServerSocketEndpointConfig();
        members.setProtocolType(ProtocolType.MEMBER);
        members.setPort(told.listen().port()).setPortAutoIncrement(false).setReuseAddress(true);
        members.getInterfaces().setEnabled(true).addInterface(told.listen().host());
        if (!told.advertised().equals(told.listen())) {
            members.setPublicAddress(told.advertised().toString());
        }
        network.setMemberEndpointConfig(members);
    }

    /** Bytes and text need no class by name. What members tell one another besides are their own failures: {@link #FAILURES}. */
    private static void refuseWhatIsNotOurs(Config config) {
        config.setProperty("hazelcast.socket.bind.any", "false");
        config.getManagementCenterConfig()
                .setScriptingEnabled(false)
                .setConsoleEnabled(false)
                .setDataAccessEnabled(false);
        config.getSerializationConfig()
                .setJavaSerializationFilterConfig(new JavaSerializationFilterConfig()
                        .setDefaultsDisabled(true)
                        .setWhitelist(FAILURES))
                .getCompactSerializationConfig()
                .setZeroConfigFilter(new JavaSerializationFilterConfig()
                        .setDefaultsDisabled(true)
                        .setWhitelist(new ClassFilter().addClasses("io.varve.none")));
    }

    /** Whoever meets the other part of a split gives up what it held: it is told anew. */
    private static MapConfig map(String name) {
        return new MapConfig(name)
                .setInMemoryFormat(InMemoryFormat.BINARY)
                .setBackupCount(1)
                .setStatisticsEnabled(false)
                .setMergePolicyConfig(new MergePolicyConfig(DiscardMergePolicy.class.getName(), 100));
    }

    private static EvictionConfig atMost(int entries) {
        return new EvictionConfig()
                .setEvictionPolicy(EvictionPolicy.LRU)
                .setMaxSizePolicy(MaxSizePolicy.PER_NODE)
                .setSize(entries);
    }
}
