package io.varve.control.membership;

import static io.varve.control.membership.Gathering.sight;
import static io.varve.control.membership.Gathering.until;
import static io.varve.control.membership.Gathering.untilTogether;
import static org.assertj.core.api.Assertions.assertThat;

import io.varve.api.DiskGroup;
import io.varve.api.Node;
import io.varve.api.RegisterGroupRequest;
import io.varve.api.RegisterNodeRequest;
import io.varve.api.Sight;
import io.varve.control.meta.CommandCodec;
import io.varve.control.meta.MetaCommand;
import io.varve.control.meta.MetaCommand.CreateVolume;
import io.varve.control.meta.MetaCommand.DeleteVolume;
import io.varve.control.meta.MetaCommand.InitCluster;
import io.varve.control.meta.MetaCommand.ReplicasDeleted;
import io.varve.control.raft.MetaConfig;
import io.varve.control.raft.MetaMember;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Two nodes, one of which writes the view, cut apart and together again. */
@Tag("long")
@Timeout(120)
final class MembershipSplitTest {
    @TempDir
    Path dir;

    @Test
    void whoIsCutOffKeepsAnOldViewThatNobodyMistakesForNewAndGetsTheNewOneWhenHeIsBack() throws Exception {
        try (Gathering gathering = new Gathering(2);
                CuttableLink toFirst = new CuttableLink(gathering.listen(0));
                CuttableLink toSecond = new CuttableLink(gathering.listen(1));
                MetaMember truth = truth()) {
            gathering.advertise(0, toFirst.address());
            gathering.advertise(1, toSecond.address());
            Membership writes = gathering.start(0);
            Membership reads = gathering.start(1);
            try (ViewWriter writer = new ViewWriter(truth, writes, Gathering.SHORT.check())) {
                untilTogether(writes, reads);
                propose(truth, new InitCluster("uuid", "test"));
                node(truth, 1);
                volume(truth, "kept", 1);
                long gone = volume(truth, "gone", 2);
                until("both volumes", () -> has(reads, "kept", 0) && has(reads, "gone", 0));
                long before = reads.told().getViewIndex();

                toFirst.cut();
                toSecond.cut();
                until(
                        "each suspects the other",
                        () -> sight(reads, "n0") == Sight.SIGHT_SUSPECTED
                                && sight(writes, "n1") == Sight.SIGHT_SUSPECTED);
                propose(truth, new DeleteVolume(gone));
                propose(truth, new ReplicasDeleted(gone, "g0", List.of(0)));
                node(truth, 2);
                volume(truth, "new", 3);
                until("the writer goes on alone", () -> has(writes, "new", 0) && !has(writes, "gone", 0));
                long after = writes.told().getViewIndex();
                assertThat(after).isGreaterThan(before);
                assertThat(has(reads, "kept", after)).isFalse();
                assertThat(has(reads, "gone", after)).isFalse();
                assertThat(has(reads, "new", 0)).isFalse();

                toFirst.heal();
                toSecond.heal();
                untilTogether(writes, reads);
                until("the new view", () -> has(reads, "new", 0) && has(reads, "kept", 0) && !has(reads, "gone", 0));
                assertThat(sight(reads, "n0")).isEqualTo(Sight.SIGHT_TOGETHER);
                assertThat(writer.written()).isPositive();
            }
        }
    }

    private static boolean has(Membership membership, String volume, long atLeast) {
        try {
            return membership
                    .view()
                    .volume(volume, atLeast)
                    .get(5, TimeUnit.SECONDS)
                    .isPresent();
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }

    private MetaMember truth() throws Exception {
        int port;
        try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            port = free.getLocalPort();
        }
        return MetaMember.start(
                new MetaConfig("n0", List.of(new MetaConfig.Member("n0", "127.0.0.1", port)), dir.resolve("n0")));
    }

    private static void propose(MetaMember truth, MetaCommand command) throws Exception {
        assertThat(truth.propose(command).get(30, TimeUnit.SECONDS).isOk()).isTrue();
    }

    private static void node(MetaMember truth, long incarnation) throws Exception {
        propose(
                truth,
                CommandCodec.of(RegisterNodeRequest.newBuilder()
                        .setNode(Node.newBuilder()
                                .setId("n0")
                                .setIncarnation(incarnation)
                                .setManagementAddress("n0:1"))
                        .build()));
        propose(
                truth,
                CommandCodec.of(RegisterGroupRequest.newBuilder()
                        .setGroup(DiskGroup.newBuilder()
                                .setUuid("g0")
                                .setNode("n0")
                                .setCapacityBytes(64L << 30))
                        .setIncarnation(incarnation)
                        .build()));
    }

    private static long volume(MetaMember truth, String name, int request) throws Exception {
        return truth.propose(
                        new CreateVolume(name, 8L << 30, 1, 8L << 30, 1, List.of(List.of("g0")), "request " + request))
                .get(30, TimeUnit.SECONDS)
                .requireVolume()
                .getId();
    }
}
