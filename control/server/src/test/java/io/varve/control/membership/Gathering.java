package io.varve.control.membership;

import io.varve.api.GroupStats;
import io.varve.api.Node;
import io.varve.api.NodeStats;
import io.varve.api.Sight;
import io.varve.api.VolumeStats;
import io.varve.control.membership.MembershipConfig.Address;
import io.vertx.core.Future;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;

/** Memberships in this JVM: real Hazelcast members on loopback ports, with short waits. */
final class Gathering implements AutoCloseable {
    /** Hazelcast counts in seconds. */
    static final MembershipTimes SHORT = new MembershipTimes(
            Duration.ofSeconds(1),
            Duration.ofSeconds(4),
            Duration.ofSeconds(3),
            Duration.ofMillis(300),
            Duration.ofSeconds(1),
            Duration.ofSeconds(1));

    static final byte[] SECRET =
            "the nodes of this cluster share ".getBytes(java.nio.charset.StandardCharsets.US_ASCII);

    private static final Duration LIMIT = Duration.ofSeconds(80);

    private final List<Address> listen = new ArrayList<>();
    private final List<Address> advertised = new ArrayList<>();
    private final List<Membership> started = new ArrayList<>();
    private final AtomicLong writes = new AtomicLong();

    Gathering(int nodes) throws IOException {
        List<ServerSocket> held = new ArrayList<>();
        for (int i = 0; i < nodes; i++) {
            ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
            held.add(socket);
            listen.add(new Address("127.0.0.1", socket.getLocalPort()));
        }
        advertised.addAll(listen);
        for (ServerSocket socket : held) {
            socket.close();
        }
    }

    Address listen(int i) {
        return listen.get(i);
    }

    /** From now on others reach that node through somebody who stands between. */
    void advertise(int i, Address address) {
        advertised.set(i, address);
    }

    MembershipConfig config(int i) {
        return new MembershipConfig(
                "n" + i, 1, listen.get(i), advertised.get(i), advertised, Map.of("zone", "z" + i), SHORT);
    }

    Membership start(int i, byte[] secret) {
        Membership membership = new Membership(Optional.of(config(i)), () -> Future.succeededFuture(stats("n" + i)));
        started.add(membership);
        membership.begin(secret);
        return membership;
    }

    Membership start(int i) {
        return start(i, SECRET);
    }

    /** Each question finds a hundred writes more. */
    private NodeStats stats(String node) {
        return NodeStats.newBuilder()
                .setNode(node)
                .addVolumes(VolumeStats.newBuilder().setVolume(1).setWrites(writes.addAndGet(100)))
                .addGroups(GroupStats.newBuilder()
                        .setGroup("g")
                        .setCapacityBytes(1_000)
                        .setJournalBytes(100)
                        .setJournalUsedBytes(40))
                .build();
    }

    static Sight sight(Membership membership, String node) {
        return membership.seen(Node.newBuilder().setId(node).build()).getSight();
    }

    /** Looks often, as Hazelcast tells of many things to nobody. */
    static void until(String what, BooleanSupplier happened) throws InterruptedException {
        long end = System.nanoTime() + LIMIT.toNanos();
        while (!happened.getAsBoolean()) {
            if (System.nanoTime() > end) {
                throw new AssertionError("not within " + LIMIT.toSeconds() + " s: " + what);
            }
            Thread.sleep(50);
        }
    }

    static void untilTogether(Membership... all) throws InterruptedException {
        for (Membership membership : all) {
            until(all.length + " nodes together", () -> membership.told().getTogether() == all.length);
        }
    }

    @Override
    public void close() {
        started.forEach(Membership::close);
    }
}
