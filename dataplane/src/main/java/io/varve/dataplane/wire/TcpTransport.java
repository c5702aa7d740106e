package io.varve.dataplane.wire;

import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.WriteBufferWaterMark;
import io.netty.handler.ssl.SslHandshakeCompletionEvent;
import io.vertx.core.Vertx;
import io.vertx.core.internal.ContextInternal;
import io.vertx.core.internal.net.NetSocketInternal;
import io.vertx.core.net.NetClient;
import io.vertx.core.net.NetClientOptions;
import io.vertx.core.net.NetServer;
import io.vertx.core.net.NetServerOptions;
import io.vertx.core.net.NetSocket;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Frames over TCP on one Vert.x event loop. The only class of this package that knows Vert.x and Netty's channels: {@code NetSocket.handler}
 * would copy every byte onto the heap, so a channel handler of our own stands before Vert.x's and takes and gives direct buffers. Vert.x
 * calls these interfaces internal (see {@code docs/internals/wire.md}).
 */
public final class TcpTransport implements Transport {
    private static final int CONNECT_LIMIT_MILLIS = 2_000;

    /** Most accepted connections that have not yet shown who they are: whoever may not come in costs no more than that. */
    static final int MAX_HANDSHAKES = 256;

    private static final Logger LOG = LoggerFactory.getLogger(TcpTransport.class);

    private final Vertx vertx;
    private final ContextInternal context;
    private final NetClient client;
    private final @Nullable PeerTls tls;
    private final List<NetServer> servers = new ArrayList<>();
    private final Set<TcpConnection> open = new LinkedHashSet<>();
    private int handshakes;
    private boolean closed;

    /** Plaintext. {@code context}: an event-loop context; everything happens on its loop. */
    public TcpTransport(Vertx vertx, io.vertx.core.Context context) {
        this(vertx, context, null);
    }

    /** {@code tls}: what every connection goes through before its first frame; null: plaintext. */
    public TcpTransport(Vertx vertx, io.vertx.core.Context context, @Nullable PeerTls tls) {
        this.vertx = vertx;
        this.context = (ContextInternal) context;
        this.tls = tls;
        this.client = vertx.createNetClient(
                new NetClientOptions().setTcpNoDelay(true).setConnectTimeout(CONNECT_LIMIT_MILLIS));
    }

    @Override
    public void connect(String address, Receiver receiver) {
        context.runOnContext(v -> {
            int colon = address.lastIndexOf(':');
            client.connect(port(address), address.substring(0, Math.max(colon, 0)))
                    .onComplete(result -> {
                        if (result.succeeded()) {
                            enter(result.result(), false, () -> receiver);
                        } else {
                            receiver.closed("cannot connect: " + result.cause().getMessage());
                        }
                    });
        });
    }

    @Override
    public void listen(String address, Supplier<Receiver> accept, ListenCallback listening) {
        context.runOnContext(v -> {
            String host = address.substring(0, Math.max(address.lastIndexOf(':'), 0));
            NetServer server = vertx.createNetServer(new NetServerOptions().setTcpNoDelay(true))
                    .connectHandler(socket -> enter(socket, true, accept))
                    .exceptionHandler(failure -> LOG.info("peer listener reason=\"{}\"", failure.getMessage()));
            server.listen(port(address), host).onComplete(result -> {
                if (result.succeeded()) {
                    servers.add(server);
                    listening.done(host + ":" + server.actualPort(), null);
                } else {
                    listening.done(
                            null,
                            "cannot listen on " + address + ": "
                                    + result.cause().getMessage());
                }
            });
        });
    }

    @Override
    public void close() {
        closed = true;
        servers.forEach(NetServer::close);
        List.copyOf(open).forEach(connection -> connection.close("this node stops"));
        client.close();
    }

    /** 0 for an address without a port: nothing listens there, and the attempt fails with a message that shows it. */
    private static int port(String address) {
        String digits = address.substring(address.lastIndexOf(':') + 1);
        return digits.matches("\\d{1,5}") ? Integer.parseInt(digits) : 0;
    }

    /** With TLS a connection is nobody's before its handshake is over: it has no receiver, and its bytes are not looked at. */
    private void enter(NetSocket socket, boolean accepted, Supplier<Receiver> receiver) {
        if (tls == null) {
            adopt(socket, null, receiver.get());
            return;
        }
        ChannelHandlerContext vertxHandler = ((NetSocketInternal) socket).channelHandlerContext();
        if (accepted && handshakes >= MAX_HANDSHAKES) {
            LOG.warn("peer turned away peer={} reason=\"{} handshakes under way\"", remote(vertxHandler), handshakes);
            socket.close();
            return;
        }
        handshakes++;
        vertxHandler
                .pipeline()
                .addBefore(vertxHandler.name(), "handshake", new Handshake(socket, accepted, receiver))
                .addFirst("tls", tls.handler(vertxHandler.channel(), accepted));
    }

    private static String remote(ChannelHandlerContext context) {
        return String.valueOf(context.channel().remoteAddress());
    }

    /** Stands where the frames will be read until it is known who the peer is. */
    private final class Handshake extends ChannelInboundHandlerAdapter {
        private final NetSocket socket;
        private final boolean accepted;
        private final Supplier<Receiver> receiver;
        private boolean over;

        Handshake(NetSocket socket, boolean accepted, Supplier<Receiver> receiver) {
            this.socket = socket;
            this.accepted = accepted;
            this.receiver = receiver;
        }

        @Override
        public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
            if (event instanceof SslHandshakeCompletionEvent completion) {
                String node = completion.isSuccess() ? PeerTls.node(ctx.pipeline()) : null;
                if (node != null) {
                    end();
                    adopt(socket, node, receiver.get());
                    ctx.pipeline().remove(this);
                } else {
                    refuse(
                            ctx,
                            completion.isSuccess()
                                    ? "the certificate is not of a node"
                                    : PeerTls.words(completion.cause()));
                }
            }
            ctx.fireUserEventTriggered(event);
        }

        /** What the handshake failed of was told by the event before. */
        @Override
        public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
            if (cause instanceof Error bug) {
                throw bug;
            }
            refuse(ctx, PeerTls.words(cause));
        }

        @Override
        public void channelInactive(ChannelHandlerContext ctx) {
            refuse(ctx, "the connection ended during the handshake");
            ctx.fireChannelInactive();
        }

        private void refuse(ChannelHandlerContext ctx, String reason) {
            if (over) {
                return;
            }
            end();
            if (accepted) {
                LOG.warn("peer refused peer={} reason=\"{}\"", remote(ctx), reason);
            } else {
                receiver.get().closed("TLS: " + reason);
            }
            ChannelFuture _ = ctx.channel().close();
        }

        private void end() {
            over = true;
            handshakes--;
        }
    }

    private void adopt(NetSocket socket, @Nullable String node, Receiver receiver) {
        ChannelHandlerContext vertxHandler = ((NetSocketInternal) socket).channelHandlerContext();
        Channel channel = vertxHandler.channel();
        channel.config()
                .setWriteBufferWaterMark(
                        new WriteBufferWaterMark(Connection.LOW_WATER_BYTES, Connection.HIGH_WATER_BYTES));
        TcpConnection connection = new TcpConnection(channel, remote(vertxHandler), node, receiver);
        open.add(connection);
        vertxHandler.pipeline().addBefore(vertxHandler.name(), "frames", connection.handler);
        if (closed) {
            connection.close("this node stops");
        }
        receiver.opened(connection);
    }

    private final class TcpConnection implements Connection, Runnable {
        private final Channel channel;
        private final String remote;
        private final @Nullable String node;
        private final Receiver receiver;
        private final FrameReader frames;
        final FrameHandler handler = new FrameHandler();
        private @Nullable ChannelHandlerContext at;
        private boolean flushQueued;
        private boolean ended;
        private String reason = "closed by the peer";

        TcpConnection(Channel channel, String remote, @Nullable String node, Receiver receiver) {
            this.channel = channel;
            this.remote = remote;
            this.node = node;
            this.receiver = receiver;
            this.frames = new FrameReader(receiver);
        }

        @Override
        public String remote() {
            return remote;
        }

        @Override
        public @Nullable String certifiedNode() {
            return node;
        }

        @Override
        public void send(ByteBuf head, @Nullable ByteBuf payload, int index, int length) {
            ChannelHandlerContext to = at;
            if (ended || to == null) {
                head.release();
                return;
            }
            ChannelFuture unused = to.write(head, to.voidPromise());
            if (payload != null && length > 0) {
                unused = to.write(payload.retainedSlice(index, length), to.voidPromise());
            }
            if (!flushQueued) {
                flushQueued = true;
                channel.eventLoop().execute(this);
            }
        }

        /** The turn's one flush. */
        @Override
        public void run() {
            flushQueued = false;
            if (at != null) {
                at.flush();
            }
        }

        @Override
        public boolean isWritable() {
            return !ended && channel.isWritable();
        }

        @Override
        public void setReading(boolean reading) {
            channel.config().setAutoRead(reading);
        }

        @Override
        public void close(String why) {
            if (!ended) {
                ended = true;
                reason = why;
                run();
                channel.eventLoop().execute(() -> {
                    ChannelFuture _ = channel.close();
                });
            }
        }

        private void violated(String why) {
            LOG.info("peer connection closed peer={} reason=\"{}\"", remote, why);
            close(why);
        }

        /** Takes every inbound buffer, so that nothing reaches the Vert.x handler behind it but the end of the connection. */
        private final class FrameHandler extends ChannelInboundHandlerAdapter {
            @Override
            public void handlerAdded(ChannelHandlerContext ctx) {
                at = ctx;
            }

            @Override
            public void channelRead(ChannelHandlerContext ctx, Object message) {
                ByteBuf in = (ByteBuf) message;
                try {
                    String violation = ended ? null : frames.feed(in);
                    if (violation != null) {
                        violated(violation);
                    }
                } finally {
                    in.release();
                }
            }

            @Override
            public void channelWritabilityChanged(ChannelHandlerContext ctx) {
                if (!ended) {
                    receiver.writabilityChanged();
                }
                ctx.fireChannelWritabilityChanged();
            }

            @Override
            public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
                if (cause instanceof Error bug) {
                    ctx.fireExceptionCaught(cause);
                    throw bug;
                }
                if (PeerTls.isOfTls(cause)) {
                    // With TLS 1.3 whoever connected hears only now that its certificate was not taken.
                    close("TLS: " + PeerTls.words(cause));
                    return;
                }
                if (!(cause instanceof java.io.IOException)) {
                    LOG.error("peer connection failed peer={}", remote, cause);
                }
                close(String.valueOf(cause.getMessage()));
            }

            @Override
            public void channelInactive(ChannelHandlerContext ctx) {
                ended = true;
                at = null;
                open.remove(TcpConnection.this);
                frames.close();
                receiver.closed(reason);
                ctx.fireChannelInactive();
            }
        }
    }
}
