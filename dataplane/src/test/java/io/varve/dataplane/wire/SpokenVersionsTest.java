package io.varve.dataplane.wire;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.varve.dataplane.time.SimulatedLoop;
import io.varve.dataplane.time.SimulatedScheduler;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Nodes of neighbouring versions speak with one another, others are told why not: over the same greeting as real ones. */
class SpokenVersionsTest {
    private static final SpokenVersions ONE = new SpokenVersions(1, 1);

    /** What became of a link between two nodes that speak these. */
    private static List<String> greet(SpokenVersions link, SpokenVersions server) {
        List<String> events = new ArrayList<>();
        SimulatedScheduler scheduler = new SimulatedScheduler(1);
        SimulatedLoop here = scheduler.newLoop("a");
        SimulatedLoop there = scheduler.newLoop("b");
        SimulatedNetwork network = new SimulatedNetwork(1);
        PeerServer peers = new PeerServer(
                there,
                network.transport(there, "b"),
                new NodeIdentity("c", "b", 1),
                hello -> new Silent(events),
                server);
        peers.listen("b:1", (bound, failure) -> {});
        scheduler.runFor(1_000_000);
        PeerLink asking = new PeerLink(
                here, network.transport(here, "a"), new NodeIdentity("c", "a", 1), "b:1", "g", new Told(events), link);
        here.execute(asking::start);
        scheduler.runFor(1_000_000_000L);
        return events;
    }

    private record Silent(List<String> events) implements Receiver {
        @Override
        public void opened(Connection connection) {
            events.add("accepted");
        }

        @Override
        public @Nullable String received(Header header, ByteBuf meta, int at, @Nullable ByteBuf payload) {
            return null;
        }

        @Override
        public void writabilityChanged() {}

        @Override
        public void closed(String reason) {}
    }

    private record Told(List<String> events) implements PeerLink.Listener {
        @Override
        public void up(Connection connection, Message.Hello peer) {
            events.add("up with " + peer.minVersion() + " to " + peer.maxVersion());
        }

        @Override
        public @Nullable String received(Header header, ByteBuf meta, int at, @Nullable ByteBuf payload) {
            return null;
        }

        @Override
        public void writabilityChanged() {}

        @Override
        public void down(String reason) {
            events.add("down: " + reason);
        }
    }

    @Test
    void speaksTheHighestThatBothKnow() {
        assertThat(ONE.common(ONE)).hasValue(1);
        assertThat(new SpokenVersions(1, 2).common(ONE)).hasValue(1);
        assertThat(new SpokenVersions(2, 3).common(new SpokenVersions(1, 2))).hasValue(2);
        assertThat(new SpokenVersions(2, 4).common(new SpokenVersions(1, 3))).hasValue(3);
        assertThat(new SpokenVersions(2, 3).common(ONE)).isEmpty();
        assertThat(ONE.common(new SpokenVersions(2, 3))).isEmpty();
    }

    @Test
    void aNodeOfTheNextVersionIsGreetedInBothDirections() {
        SpokenVersions next = new SpokenVersions(1, 2);
        assertThat(greet(next, SpokenVersions.HERE)).containsExactly("accepted", "up with 1 to 1");
        assertThat(greet(SpokenVersions.HERE, next)).containsExactly("accepted", "up with 1 to 2");
    }

    @Test
    void withoutACommonVersionBothSidesSayWhichTheySpeakAndWhatToDo() {
        SpokenVersions after = new SpokenVersions(2, 3);
        assertThat(greet(after, ONE))
                .isNotEmpty()
                .allSatisfy(event -> assertThat(event)
                        .startsWith("down: ")
                        .contains("no common version of the wire protocol")
                        .contains("this node speaks version 1, the other one versions 2 to 3")
                        .contains("this node is too old for that one: upgrade it"));
        assertThat(greet(ONE, after))
                .isNotEmpty()
                .allSatisfy(event -> assertThat(event)
                        .contains("this node speaks versions 2 to 3, the other one version 1")
                        .contains("that node is too old for this one"));
    }

    @Test
    void theLinkLooksAtTheAnswerToo() {
        List<String> events = new ArrayList<>();
        SimulatedScheduler scheduler = new SimulatedScheduler(1);
        SimulatedLoop here = scheduler.newLoop("a");
        SimulatedLoop there = scheduler.newLoop("b");
        SimulatedNetwork network = new SimulatedNetwork(1);
        network.transport(there, "b").listen("b:1", Unasked::new, (bound, failure) -> {});
        scheduler.runFor(1_000_000);
        PeerLink asking = new PeerLink(
                here, network.transport(here, "a"), new NodeIdentity("c", "a", 1), "b:1", "g", new Told(events), ONE);
        here.execute(asking::start);
        scheduler.runFor(1_000_000_000L);
        assertThat(events)
                .isNotEmpty()
                .allSatisfy(event -> assertThat(event)
                        .startsWith("down: ")
                        .contains("this node speaks version 1, the other one versions 2 to 3"));
    }

    /** Answers whatever comes, as if it had not looked at what the link speaks. */
    private static final class Unasked implements Receiver {
        private @Nullable Connection connection;

        @Override
        public void opened(Connection opened) {
            connection = opened;
        }

        @Override
        public @Nullable String received(Header header, ByteBuf meta, int at, @Nullable ByteBuf payload) {
            Message answer = new Message.Hello(2, 3, 1, "c", "b", "g");
            java.util.Objects.requireNonNull(connection)
                    .send(MessageCodec.encode(new FrameWriter(), answer, 0, 0, 0, 0, 0), null, 0, 0);
            return null;
        }

        @Override
        public void writabilityChanged() {}

        @Override
        public void closed(String reason) {}
    }
}
