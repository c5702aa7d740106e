package io.varve.cli.attach;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.varve.dataplane.frontend.nbd.NbdProtocol;
import io.varve.dataplane.time.Loop;
import io.vertx.core.internal.net.NetSocketInternal;
import io.vertx.core.net.NetClient;
import io.vertx.core.net.NetSocket;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * One connection to an access point's NBD target, from the attempt to its end. Requests of one turn of the loop leave in one flush; data is not
 * copied on its way out. Like the target's own {@code NbdConnection} it stands before Vert.x's handler, because that one would copy
 * every byte onto the heap. Confined to the loop.
 */
final class AccessPointLink extends ChannelInboundHandlerAdapter {
    private static final int REQUESTS_BYTES = 1024;

    /** What becomes of the link; on the loop. */
    interface Owner {
        /** The export is open: requests may be sent. */
        void entered(AccessPointLink link, long sizeBytes, int flags);

        /** It is over; called once, whatever happened before. {@code isAlive}: the target spoke to us on this link. */
        void lost(AccessPointLink link, String why, boolean isAlive);

        /** The volume is another's to use, wherever it is open. */
        void forbidden(AccessPointLink link, String why);
    }

    private final Place place;
    private final Loop loop;
    private final Owner owner;
    private final ReplyReader replies;
    private final long begunNanos;
    private final Runnable flush = this::flush;

    private @Nullable ClientHandshake handshake;
    private @Nullable ChannelHandlerContext context;
    private @Nullable ByteBuf out;
    private boolean flushComing;
    private boolean greeted;
    private boolean isOver;
    private long heardNanos;

    AccessPointLink(
            Place place,
            String export,
            Loop loop,
            PendingRequests pending,
            ReplyReader.Answered answered,
            Owner owner) {
        this.place = place;
        this.loop = loop;
        this.owner = owner;
        this.handshake = new ClientHandshake(export);
        this.replies = new ReplyReader(pending, answered);
        this.begunNanos = loop.nanos();
        this.heardNanos = begunNanos;
    }

    /** On the context of the loop. */
    void connect(NetClient client) {
        client.connect(place.port(), place.host()).onComplete(result -> {
            if (result.failed()) {
                over("cannot connect: " + result.cause().getMessage());
            } else if (isOver) {
                result.result().close();
            } else {
                adopt(result.result());
            }
        });
    }

    private void adopt(NetSocket socket) {
        ChannelHandlerContext last = ((NetSocketInternal) socket).channelHandlerContext();
        if (last.pipeline().get("chunkedWriter") != null) {
            last.pipeline().remove("chunkedWriter"); // It serves sendFile, and would allocate for each write.
        }
        last.pipeline().addBefore(last.name(), "nbd", this);
        if (!last.channel().isActive()) {
            over("closed at once");
        }
    }

    @Override
    public void handlerAdded(ChannelHandlerContext ctx) {
        context = ctx;
    }

    Place place() {
        return place;
    }

    boolean isEntered() {
        return handshake == null && !isOver;
    }

    /** True if it never came as far as the export. */
    boolean isOverBeforeEntry() {
        return handshake != null;
    }

    /** The target has said its first words: it runs, and may have reasons to let us wait. */
    boolean isGreeted() {
        return greeted;
    }

    long begunNanos() {
        return begunNanos;
    }

    /** When bytes came last. */
    long heardNanos() {
        return heardNanos;
    }

    // ---- requests

    void send(Pending request) {
        ChannelHandlerContext to = context;
        if (isOver || to == null) {
            return; // It will be sent again on the next link.
        }
        ByteBuf header = out();
        header.writeInt(NbdProtocol.REQUEST_MAGIC);
        header.writeShort(request.flags);
        header.writeShort(request.command);
        header.writeLong(request.cookie());
        header.writeLong(request.offsetBytes);
        header.writeInt((int) request.lengthBytes);
        if (request.command == NbdProtocol.CMD_WRITE) {
            writeOut(to);
            var _ = to.write(
                    request.data().retainedSlice(request.dataIndex(), (int) request.lengthBytes), to.voidPromise());
        }
    }

    private ByteBuf out() {
        ByteBuf buffer = out;
        if (buffer == null) {
            ChannelHandlerContext to = context;
            if (to == null) {
                throw new IllegalStateException("a link without a connection has nothing to say");
            }
            buffer = to.alloc().ioBuffer(REQUESTS_BYTES);
            out = buffer;
            if (!flushComing) {
                flushComing = true;
                loop.execute(flush);
            }
        }
        return buffer;
    }

    private void writeOut(ChannelHandlerContext to) {
        ByteBuf gathered = out;
        if (gathered != null) {
            out = null;
            var _ = to.write(gathered, to.voidPromise());
        }
    }

    private void flush() {
        flushComing = false;
        ChannelHandlerContext to = context;
        if (!isOver && to != null) {
            writeOut(to);
            to.flush();
        }
    }

    // ---- replies

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object message) {
        ByteBuf in = (ByteBuf) message;
        try {
            heardNanos = loop.nanos();
            while (!isOver && in.isReadable()) {
                ClientHandshake greeting = handshake;
                if (greeting != null) {
                    negotiate(greeting, in);
                } else {
                    String violation = replies.read(in);
                    if (violation != null) {
                        over(violation);
                    }
                }
            }
        } finally {
            in.release();
        }
    }

    private void negotiate(ClientHandshake greeting, ByteBuf in) {
        ClientHandshake.Step step = greeting.advance(in, out());
        greeted = greeting.isGreeted();
        switch (step) {
            case MORE -> {}
            case DONE -> {
                handshake = null;
                owner.entered(this, greeting.sizeBytes(), greeting.flags());
            }
            case REFUSED -> over(greeting.refusal());
            case OVER -> owner.forbidden(this, greeting.refusal());
        }
    }

    // ---- the end

    /** Nothing more comes from it or goes to it. */
    void close(String why) {
        over(why);
    }

    /** As {@link #close}, when nobody answers there any more. */
    void closeAsDead(String why) {
        greeted = false;
        over(why);
    }

    private void over(String why) {
        if (isOver) {
            return;
        }
        isOver = true;
        if (out != null) {
            out.release();
            out = null;
        }
        ChannelHandlerContext last = context;
        if (last != null) {
            // Not within this read: who closes may be in the middle of what was received.
            loop.execute(() -> {
                var _ = last.close();
            });
        }
        owner.lost(this, why, greeted);
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
        over("the connection ended");
        ctx.fireChannelInactive();
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        if (cause instanceof IOException) { // A reset is how a process that died looks.
            over(String.valueOf(cause.getMessage()));
        } else {
            over("a failure here: " + cause);
            loop.execute(() -> {
                throw new IllegalStateException("a bug met the link to an access point", cause);
            });
        }
    }
}
