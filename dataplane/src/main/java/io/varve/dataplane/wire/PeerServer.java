package io.varve.dataplane.wire;

import io.netty.buffer.ByteBuf;
import io.varve.dataplane.time.Loop;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The listener of one loop, for the disk groups that it owns: greets, refuses what is not meant for it, hands on the rest. */
public final class PeerServer {
    /** Most connections at a time: every loop of every node has one for each group here. */
    static final int MAX_CONNECTIONS = 4096;

    /** A connection that does not greet is closed. */
    static final long GREETING_LIMIT_NANOS = 5_000_000_000L;

    private static final Logger LOG = LoggerFactory.getLogger(PeerServer.class);

    /** Finds who serves a group. */
    @FunctionalInterface
    public interface Groups {
        /** A receiver for a greeted connection ({@link Receiver#opened} is called on it), or null if the group is not here. */
        @Nullable Receiver accept(Message.Hello peer);
    }

    private final Loop loop;
    private final Transport transport;
    private final NodeIdentity self;
    private final Groups groups;
    private final SpokenVersions spoken;
    private final FrameWriter writer = new FrameWriter();
    private int connections;

    public PeerServer(Loop loop, Transport transport, NodeIdentity self, Groups groups) {
        this(loop, transport, self, groups, SpokenVersions.HERE);
    }

    PeerServer(Loop loop, Transport transport, NodeIdentity self, Groups groups, SpokenVersions spoken) {
        this.loop = loop;
        this.transport = transport;
        this.self = self;
        this.groups = groups;
        this.spoken = spoken;
    }

    public void listen(String address, Transport.ListenCallback listening) {
        transport.listen(address, Greeting::new, listening);
    }

    private @Nullable String refusal(Connection connection, Message.Hello hello) {
        SpokenVersions theirs = SpokenVersions.of(hello);
        if (spoken.common(theirs).isEmpty()) {
            return spoken.refusal(theirs);
        }
        String certified = connection.certifiedNode();
        if (certified != null && !certified.equals(hello.node())) {
            return "the certificate is of node " + certified + ", but the greeting says node " + hello.node();
        }
        if (!hello.cluster().equals(self.cluster())) {
            return "this node belongs to cluster " + self.cluster() + ", not to " + hello.cluster();
        }
        return null;
    }

    private final class Greeting implements Receiver {
        private @Nullable Connection connection;
        private Loop.@Nullable Timer timer;
        private @Nullable Receiver greeted;

        @Override
        public void opened(Connection opened) {
            connection = opened;
            connections++;
            if (connections > MAX_CONNECTIONS) {
                opened.close("more than " + MAX_CONNECTIONS + " connections");
                return;
            }
            timer = loop.schedule(GREETING_LIMIT_NANOS, () -> opened.close("no greeting within 5 s"));
        }

        @Override
        public @Nullable String received(Header header, ByteBuf meta, int metaIndex, @Nullable ByteBuf payload) {
            if (greeted != null) {
                return greeted.received(header, meta, metaIndex, payload);
            }
            if (!(MessageCodec.decode(header, meta, metaIndex) instanceof Message.Hello hello) || connection == null) {
                return header.type + " before HELLO";
            }
            String refusal = refusal(connection, hello);
            Receiver receiver = refusal != null ? null : groups.accept(hello);
            if (refusal == null && receiver == null) {
                refusal = "disk group " + hello.group() + " is not served at this address by node " + self.node();
            }
            if (receiver == null) {
                Message refused = new Message.Refused(String.valueOf(refusal));
                connection.send(MessageCodec.encode(writer, refused, 0, 0, 0, 0, 0), null, 0, 0);
                return "refused: " + refusal;
            }
            greeted = receiver;
            if (timer != null) {
                timer.cancel();
            }
            Message answer = new Message.Hello(
                    spoken.lowest(), spoken.highest(), self.incarnation(), self.cluster(), self.node(), hello.group());
            connection.send(MessageCodec.encode(writer, answer, 0, 0, 0, 0, 0), null, 0, 0);
            receiver.opened(connection);
            return null;
        }

        @Override
        public void writabilityChanged() {
            if (greeted != null) {
                greeted.writabilityChanged();
            }
        }

        @Override
        public void closed(String reason) {
            connections--;
            if (timer != null) {
                timer.cancel();
            }
            if (greeted != null) {
                greeted.closed(reason);
            } else if (connection != null) {
                LOG.info("peer turned away peer={} reason=\"{}\"", connection.remote(), reason);
            }
        }
    }
}
