package io.varve.dataplane.wire;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.varve.dataplane.buffer.Buffers;
import io.varve.dataplane.time.Loop;
import io.varve.dataplane.time.VertxLoop;
import io.vertx.core.Vertx;
import io.vertx.core.internal.ContextInternal;
import io.vertx.core.internal.VertxInternal;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class TcpTransportTest {
    private final Vertx vertx = Vertx.vertx();
    private final LinkedBlockingQueue<String> events = new LinkedBlockingQueue<>();

    private final class Side {
        final ContextInternal context = ((VertxInternal) vertx).createEventLoopContext();
        final Loop loop = new VertxLoop(context, "test", bug -> events.add("bug " + bug));
        final TcpTransport transport = new TcpTransport(vertx, context);
    }

    /** Answers each READ with DATA of the blocks asked for. */
    private static final class Echo implements Receiver {
        private final FrameWriter writer = new FrameWriter();
        private @Nullable Connection connection;

        @Override
        public void opened(Connection opened) {
            connection = opened;
        }

        @Override
        public @Nullable String received(Header header, ByteBuf meta, int at, @Nullable ByteBuf payload) {
            if (header.type != MessageType.READ || connection == null) {
                return "unexpected " + header.type;
            }
            int count = DataPath.readCount(meta, at);
            ByteBuf data = Buffers.aligned(count * 4096);
            for (int i = 0; i < count * 512; i++) {
                data.writeLongLE(header.requestId * 1000L + i);
            }
            ByteBuf head = writer.start(DataPath.DATA_FIXED_BYTES + 4 * count);
            DataPath.writeData(head, 9, new int[256], count);
            connection.send(
                    writer.finish(head, MessageType.DATA, header.requestId, 1, 1, 1, count * 4096),
                    data,
                    0,
                    count * 4096);
            data.release();
            return null;
        }

        @Override
        public void writabilityChanged() {}

        @Override
        public void closed(String reason) {}
    }

    private final class Asker implements PeerLink.Listener {
        private final FrameWriter writer = new FrameWriter();

        int answers;

        @Override
        public void up(Connection opened, Message.Hello peer) {
            events.add("up " + peer.node());
            for (int i = 1; i <= 200; i++) {
                ByteBuf head = writer.start(DataPath.READ_BYTES);
                DataPath.writeRead(head, 0, 1 + i % 64, 0);
                opened.send(writer.finish(head, MessageType.READ, i, 1, 1, 1, 0), null, 0, 0);
            }
        }

        @Override
        public @Nullable String received(Header header, ByteBuf meta, int at, @Nullable ByteBuf payload) {
            answers++;
            int bytes = (1 + answers % 64) * 4096;
            if (header.type != MessageType.DATA || header.requestId != answers || payload == null) {
                return "unexpected " + header.type + " " + header.requestId;
            }
            if (payload.readableBytes() != bytes || !Buffers.isAligned(payload, 0)) {
                return "payload of " + payload.readableBytes();
            }
            if (payload.getLongLE(bytes - 8) != answers * 1000L + bytes / 8 - 1) {
                return "payload ends with " + payload.getLongLE(bytes - 8);
            }
            if (answers == 200) {
                events.add("all");
            }
            return null;
        }

        @Override
        public void writabilityChanged() {}

        @Override
        public void down(String reason) {
            events.add("down " + reason);
        }
    }

    @AfterEach
    void close() {
        vertx.close().await();
    }

    private String next() throws InterruptedException {
        String event = events.poll(20, TimeUnit.SECONDS);
        return event == null ? "nothing" : event;
    }

    private PeerLink link(Side client, String address, String cluster, String group, Asker asker) throws Exception {
        CompletableFuture<PeerLink> made = new CompletableFuture<>();
        client.loop.execute(() -> {
            PeerLink link = new PeerLink(
                    client.loop, client.transport, new NodeIdentity(cluster, "a", 1), address, group, asker);
            link.start();
            made.complete(link);
        });
        return made.get(20, TimeUnit.SECONDS);
    }

    private String serve(Side side, String address) throws Exception {
        CompletableFuture<String> listening = new CompletableFuture<>();
        side.loop.execute(() -> new PeerServer(
                        side.loop,
                        side.transport,
                        new NodeIdentity("c", "b", 1),
                        hello -> hello.group().equals("g") ? new Echo() : null)
                .listen(address, (bound, failure) -> listening.complete(bound == null ? "failed " + failure : bound)));
        return listening.get(20, TimeUnit.SECONDS);
    }

    @Test
    void carriesFramesWithPayloadBothWays() throws Exception {
        String address = serve(new Side(), "127.0.0.1:0");
        Asker asker = new Asker();
        Side client = new Side();
        PeerLink link = link(client, address, "c", "g", asker);
        assertThat(next()).isEqualTo("up b");
        assertThat(next()).isEqualTo("all");
        client.loop.execute(link::close);
        assertThat(next()).isEqualTo("down closed here");
    }

    @Test
    void refusesAnotherClusterByName() throws Exception {
        String address = serve(new Side(), "127.0.0.1:0");
        Side client = new Side();
        PeerLink link = link(client, address, "other", "g", new Asker());
        assertThat(next()).isEqualTo("down refused by the peer: this node belongs to cluster c, not to other");
        client.loop.execute(link::close);
    }

    @Test
    void refusesAGroupThatIsNotThereByName() throws Exception {
        String address = serve(new Side(), "127.0.0.1:0");
        Side client = new Side();
        PeerLink link = link(client, address, "c", "h", new Asker());
        assertThat(next()).contains("disk group h is not served at this address by node b");
        client.loop.execute(link::close);
    }

    @Test
    void connectsAgainAfterTheOtherSideWasGone() throws Exception {
        Side server = new Side();
        String address = serve(server, "127.0.0.1:0");
        Side client = new Side();
        PeerLink link = link(client, address, "c", "g", new Asker());
        assertThat(next()).isEqualTo("up b");
        assertThat(next()).isEqualTo("all");
        server.loop.execute(server.transport::close);
        assertThat(next()).startsWith("down ");
        // The listener closes a moment after its connections do; until then the address is taken.
        String bound = serve(new Side(), address);
        for (int tries = 0; !bound.equals(address) && tries < 1000; tries++) {
            bound = serve(new Side(), address);
        }
        assertThat(bound).isEqualTo(address);
        String event = next();
        while (event.startsWith("down")) {
            event = next();
        }
        assertThat(event).isEqualTo("up b");
        client.loop.execute(link::close);
    }
}
