package io.varve.dataplane.wire;

import io.netty.buffer.ByteBuf;
import io.varve.dataplane.time.Loop;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The one ordered connection from this loop to one disk group elsewhere: connects, greets, and does so again when it was lost. Nothing is
 * kept over a loss; what has to be said again is for the {@link Listener} to know. Confined to its loop.
 */
public final class PeerLink {
    /** First pause before connecting again; doubled up to {@link #MAX_BACKOFF_NANOS}. Short: a restarted process is back in about a second. */
    static final long MIN_BACKOFF_NANOS = 20_000_000L;

    static final long MAX_BACKOFF_NANOS = 1_000_000_000L;

    /** A peer that accepted and says nothing for so long is asked anew. */
    static final long GREETING_LIMIT_NANOS = 5_000_000_000L;

    private static final Logger LOG = LoggerFactory.getLogger(PeerLink.class);

    /** What happens on the link; on its loop. */
    public interface Listener {
        /** Connected and greeted: everything before is forgotten by the other side. */
        void up(Connection connection, Message.Hello peer);

        /** As {@link Receiver#received}. */
        @Nullable String received(Header header, ByteBuf meta, int metaIndex, @Nullable ByteBuf payload);

        void writabilityChanged();

        /** No connection; called after {@link #up}, and after each attempt that failed. */
        void down(String reason);
    }

    private final Loop loop;
    private final Transport transport;
    private final NodeIdentity self;
    private final String group;
    private final Listener listener;
    private final SpokenVersions spoken;
    private final FrameWriter writer = new FrameWriter();

    private String address;
    private long backoffNanos = MIN_BACKOFF_NANOS;
    private boolean closed;
    private @Nullable Attempt attempt;
    private Loop.@Nullable Timer timer;
    private String lastReason = "not connected yet";

    public PeerLink(
            Loop loop, Transport transport, NodeIdentity self, String address, String group, Listener listener) {
        this(loop, transport, self, address, group, listener, SpokenVersions.HERE);
    }

    PeerLink(
            Loop loop,
            Transport transport,
            NodeIdentity self,
            String address,
            String group,
            Listener listener,
            SpokenVersions spoken) {
        this.loop = loop;
        this.transport = transport;
        this.self = self;
        this.address = address;
        this.group = group;
        this.listener = listener;
        this.spoken = spoken;
    }

    public void start() {
        connect();
    }

    public String address() {
        return address;
    }

    /** The disk group is reached elsewhere: the connection is given up, and the next one is made there. */
    public void moveTo(String newAddress) {
        LOG.info("peer moved group={} from={} to={}", group, address, newAddress);
        address = newAddress;
        backoffNanos = MIN_BACKOFF_NANOS;
        reset("the peer moved to " + newAddress);
    }

    /** For people: why the link is down, empty while it is up. */
    public String trouble() {
        return attempt != null && attempt.greeted ? "" : lastReason;
    }

    /** Gives the connection up and makes another one. */
    public void reset(String reason) {
        if (attempt != null && attempt.connection != null) {
            attempt.connection.close(reason);
        }
    }

    public void close() {
        closed = true;
        if (timer != null) {
            timer.cancel();
        }
        reset("closed here");
    }

    private void connect() {
        if (!closed) {
            attempt = new Attempt();
            transport.connect(address, attempt);
        }
    }

    private void lost(String reason) {
        attempt = null;
        if (!reason.equals(lastReason)) {
            LOG.info("peer link down peer={} group={} reason=\"{}\"", address, group, reason);
        }
        lastReason = reason;
        if (timer != null) {
            timer.cancel();
        }
        listener.down(reason);
        if (!closed) {
            timer = loop.schedule(backoffNanos, this::connect);
            backoffNanos = Math.min(backoffNanos * 2, MAX_BACKOFF_NANOS);
        }
    }

    /** One connection from the attempt to its end. */
    private final class Attempt implements Receiver {
        private final String to = address;
        private @Nullable Connection connection;
        private boolean greeted;

        @Override
        public void opened(Connection opened) {
            connection = opened;
            if (closed) {
                opened.close("closed here");
                return;
            }
            if (!to.equals(address)) {
                opened.close("the peer moved to " + address);
                return;
            }
            Message.Hello hello = new Message.Hello(
                    spoken.lowest(), spoken.highest(), self.incarnation(), self.cluster(), self.node(), group);
            opened.send(MessageCodec.encode(writer, hello, 0, 0, 0, 0, 0), null, 0, 0);
            timer = loop.schedule(GREETING_LIMIT_NANOS, () -> opened.close("no greeting within 5 s"));
        }

        @Override
        public @Nullable String received(Header header, ByteBuf meta, int metaIndex, @Nullable ByteBuf payload) {
            if (greeted) {
                return listener.received(header, meta, metaIndex, payload);
            }
            Message message = MessageCodec.decode(header, meta, metaIndex);
            if (message instanceof Message.Refused refused) {
                return "refused by the peer: " + refused.reason();
            }
            if (!(message instanceof Message.Hello hello)) {
                return header.type + " before HELLO";
            }
            SpokenVersions theirs = SpokenVersions.of(hello);
            if (spoken.common(theirs).isEmpty()) {
                return spoken.refusal(theirs);
            }
            if (!hello.cluster().equals(self.cluster()) || !hello.group().equals(group)) {
                return "answered by disk group " + hello.group() + " of cluster " + hello.cluster();
            }
            String certified = connection == null ? null : connection.certifiedNode();
            if (certified != null && !certified.equals(hello.node())) {
                return "answered as node " + hello.node() + " with the certificate of node " + certified;
            }
            greeted = true;
            if (timer != null) {
                timer.cancel();
            }
            backoffNanos = MIN_BACKOFF_NANOS;
            LOG.info(
                    "peer link up peer={} group={} node={} incarnation={}",
                    address,
                    group,
                    hello.node(),
                    hello.incarnation());
            lastReason = "";
            if (connection != null) {
                listener.up(connection, hello);
            }
            return null;
        }

        @Override
        public void writabilityChanged() {
            if (greeted) {
                listener.writabilityChanged();
            }
        }

        @Override
        public void closed(String reason) {
            lost(reason);
        }
    }
}
