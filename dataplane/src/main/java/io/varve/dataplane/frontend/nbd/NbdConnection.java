package io.varve.dataplane.frontend.nbd;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelOutboundBuffer;
import io.netty.channel.ChannelPipeline;
import io.netty.channel.WriteBufferWaterMark;
import io.vertx.core.internal.net.NetSocketInternal;
import io.vertx.core.net.NetSocket;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One client's socket: moves bytes between it and the handshake, then the session, and stops reading from it while they are at a limit.
 * Replies of one turn of the loop leave in one flush. The only class here that knows Netty's channel and Vert.x's internals, so that
 * received bytes are not copied to the heap, and replies go out from the memory that the volume filled. Confined to the loop.
 */
final class NbdConnection extends ChannelInboundHandlerAdapter {
    private static final Logger LOG = LoggerFactory.getLogger(NbdConnection.class);

    /** Replies that may wait for the client to read them before no more requests are taken from it. */
    private static final int REPLY_BACKLOG_BYTES = 8 << 20;
    /**
     * Below the high mark what waits in the socket's queue is not counted as held, because nothing tells when it has left: the channel
     * tells only when it falls below the low mark after it was above the high one.
     */
    private static final WriteBufferWaterMark MARKS = new WriteBufferWaterMark(64 << 10, 128 << 10);
    /** First size of the buffer in which replies without data gather; it grows as needed within one turn. */
    private static final int OUT_BYTES = 1024;

    private final NbdTarget target;
    private final ChannelHandlerContext context;
    private final Channel channel;
    private final long acceptedNanos;
    private final Runnable turn = this::turn;

    /** Received and not yet used; more than one only while reading is being paused. */
    private final ArrayDeque<ByteBuf> received = new ArrayDeque<>(2);

    private @Nullable NbdHandshake handshake;
    private @Nullable NbdSession session;
    private @Nullable Runnable forgetVolume;
    /** Of a client that said who it is. */
    private NbdClients.@Nullable NbdClient client;

    private @Nullable ByteBuf out;

    /** Its place in the target's list. */
    int place;
    /** Kept by {@link NbdMemory}. */
    boolean waitsForMemory;

    /** The client has chosen a volume, and waits until it is the only one of its name. */
    private boolean awaitsEntry;

    private boolean mayEnter;
    /** The client wants to hear of requests that wait for the volume's limits. */
    private boolean tellsHeldBack;

    private boolean pumping;
    private boolean paused;
    private boolean turnComing;
    private boolean ending;
    private boolean closing;
    private boolean aborted;
    private boolean closed;
    private long endingSinceNanos;
    private long unsettledBytes;
    private long queuedBytes;
    private long countedBytes;
    private long sentBytes;
    /** What the socket had taken of {@link #sentBytes} when times were looked at last, and since when that did not change. */
    private long lastTakenBytes;

    private long stuckSinceNanos;

    private NbdConnection(NbdTarget target, ChannelHandlerContext context, long nowNanos) {
        this.target = target;
        this.context = context;
        this.channel = context.channel();
        this.acceptedNanos = nowNanos;
        this.stuckSinceNanos = nowNanos;
        this.handshake = new NbdHandshake(target.volumes());
    }

    /** Where Vert.x's own handler stands in the socket's pipeline. */
    static ChannelHandlerContext contextOf(NetSocket socket) {
        return ((NetSocketInternal) socket).channelHandlerContext();
    }

    /** Takes a channel over from the handler at {@code context}, before anything was read from it, and greets the client. */
    static NbdConnection open(NbdTarget target, ChannelHandlerContext context, long nowNanos) {
        ChannelPipeline pipeline = context.pipeline();
        if (pipeline.get("chunkedWriter") != null) {
            pipeline.remove("chunkedWriter"); // It serves sendFile, and would allocate for each write.
        }
        NbdConnection connection = new NbdConnection(target, context, nowNanos);
        pipeline.addBefore(context.name(), "nbd", connection);
        connection.channel.config().setWriteBufferWaterMark(MARKS);
        NbdHandshake.greet(connection.out());
        return connection;
    }

    boolean isClosed() {
        return closed;
    }

    // ---- from the client

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object message) {
        ByteBuf bytes = (ByteBuf) message;
        if (closed) {
            bytes.release();
            return;
        }
        received.addLast(bytes);
        pump();
    }

    /** Uses what was received as far as limits allow, and reads on or pauses accordingly. */
    void pump() {
        if (pumping || closed) {
            return;
        }
        pumping = true;
        boolean goesOn = true;
        while (goesOn && !received.isEmpty()) {
            ByteBuf in = received.getFirst();
            goesOn = consume(in);
            if (closed) {
                break;
            }
            if (!in.isReadable()) {
                received.removeFirst().release();
            }
        }
        NbdSession transmission = session;
        if (goesOn && !closed && transmission != null) {
            transmission.consume(Unpooled.EMPTY_BUFFER); // A request may have waited with nothing received behind it.
        }
        pumping = false;
        if (!closed && paused == received.isEmpty()) {
            setPaused(!paused);
        }
    }

    private void setPaused(boolean pause) {
        paused = pause;
        channel.config().setAutoRead(!pause);
        NbdSession transmission = session;
        if (!pause && transmission != null) {
            transmission.wasBlocked();
        }
    }

    private boolean consume(ByteBuf in) {
        NbdSession transmission = session;
        return transmission != null ? transmission.consume(in) : negotiate(in);
    }

    private boolean negotiate(ByteBuf in) {
        NbdHandshake greeting = handshake;
        if (greeting == null || ending || aborted) {
            in.skipBytes(in.readableBytes());
            return true;
        }
        if (awaitsEntry || backlogged()) {
            return false;
        }
        return switch (greeting.advance(in, out())) {
            case MORE, DONE_ONE -> true;
            case CLAIM -> {
                awaitsEntry = true;
                client = target.clients().claim(this, greeting.volume(), Objects.requireNonNull(greeting.client()));
                yield false;
            }
            case TRANSMISSION -> {
                transmit(greeting);
                yield true;
            }
            case CLOSE -> {
                end();
                yield true;
            }
        };
    }

    /** No older connection of this client is left, nor any request of one. */
    void letIn() {
        mayEnter = true;
        turnSoon();
    }

    private void enter() {
        NbdHandshake greeting = handshake;
        if (awaitsEntry && mayEnter && greeting != null && !ending) {
            awaitsEntry = false;
            var _ = greeting.letIn(out());
            transmit(greeting);
        }
    }

    private void transmit(NbdHandshake greeting) {
        session = target.newSession(this, greeting.volume(), greeting.structuredReplies(), greeting.blockStatus());
        tellsHeldBack = greeting.heldBack();
        forgetVolume = target.volumes().onGone(greeting.volume(), this::volumeGone);
        greeting.release();
        handshake = null;
    }

    // ---- to the client

    /** Where replies without data are put; they leave at the end of this turn of the loop. */
    ByteBuf out() {
        ByteBuf buffer = out;
        if (buffer == null) {
            buffer = context.alloc().ioBuffer(OUT_BYTES);
            out = buffer;
        }
        turnSoon();
        return buffer;
    }

    /** Sends a reply that owns its memory, which is given back when the socket has taken it. */
    void send(ByteBuf reply) {
        int bytes = reply.readableBytes();
        unsettledBytes += bytes;
        sentBytes += bytes;
        count(countedBytes + bytes);
        var _ = context.write(reply, context.voidPromise());
        turnSoon();
    }

    /** True while the client leaves too many replies unread. */
    boolean backlogged() {
        ByteBuf gathered = out;
        long gatheredBytes = gathered == null ? 0 : gathered.readableBytes();
        return queuedBytes + unsettledBytes + gatheredBytes > REPLY_BACKLOG_BYTES;
    }

    /** A request left the session: there may be room for the next one, and the end may have come. */
    void requestEnded() {
        turnSoon();
    }

    private void turnSoon() {
        if (!turnComing) {
            turnComing = true;
            target.loop().execute(turn);
        }
    }

    private void turn() {
        turnComing = false;
        if (closed) {
            return;
        }
        if (!aborted) {
            enter();
        }
        flush();
        if (aborted) {
            var _ = context.close();
            return;
        }
        pump();
        if (ending && !closing && (session == null || session.inFlight() == 0)) {
            closing = true;
            ByteBuf rest = out;
            out = null;
            var _ = context.writeAndFlush(rest == null ? Unpooled.EMPTY_BUFFER : rest)
                    .addListener(ChannelFutureListener.CLOSE);
        }
    }

    private void flush() {
        ByteBuf gathered = out;
        if (gathered != null) {
            out = null;
            sentBytes += gathered.readableBytes();
            var _ = context.write(gathered, context.voidPromise());
        }
        context.flush();
        settle();
    }

    /** Counts what waits in the socket's queue. */
    private void settle() {
        ChannelOutboundBuffer queue = channel.unsafe().outboundBuffer();
        queuedBytes = queue == null ? 0 : queue.totalPendingWriteBytes();
        unsettledBytes = 0;
        count(queuedBytes > MARKS.high() ? queuedBytes : 0);
    }

    private void count(long bytes) {
        NbdSession transmission = session;
        if (transmission != null) {
            transmission.adjustHeld(bytes - countedBytes);
            countedBytes = bytes;
        }
    }

    @Override
    public void channelWritabilityChanged(ChannelHandlerContext ctx) {
        if (!closed && channel.isWritable()) {
            turnSoon();
        }
        ctx.fireChannelWritabilityChanged();
    }

    // ---- the end

    /** No more requests; closes when the replies to all that are in flight have left. */
    void end() {
        if (!ending) {
            ending = true;
            endingSinceNanos = target.loop().nanos();
            turnSoon();
        }
    }

    /** The target stops, or the volume is gone: what is asked from now on is refused. */
    void volumeGone() {
        NbdSession transmission = session;
        if (transmission != null) {
            transmission.refuseAll();
        }
        end();
    }

    /** Closes without waiting for anything. What is in flight ends in the volume, and nobody is told. */
    void abort() {
        aborted = true; // Closing gives up what was received, which the caller may be in the middle of.
        turnSoon();
    }

    /** The client has opened another connection: nothing more is taken from this one. Returns what is not over yet, if there is any. */
    @Nullable NbdSession supersede() {
        NbdSession transmission = session;
        if (transmission != null) {
            transmission.close();
        }
        abort();
        return transmission;
    }

    /** Closes a connection that is over one of its times. Called about every second. */
    void checkTimes(long nowNanos) {
        NbdLimits limits = target.limits();
        if (handshake != null
                && !awaitsEntry
                && nowNanos - acceptedNanos > limits.handshake().toNanos()) {
            abort();
        } else if (ending && nowNanos - endingSinceNanos > limits.goodbye().toNanos()) {
            abort();
        } else if (session != null
                && !paused
                && session.owesDataSince(nowNanos - limits.payload().toNanos())) {
            abort();
        } else {
            checkReading(nowNanos, limits);
            tellHeldBack();
        }
    }

    private void tellHeldBack() {
        NbdSession transmission = session;
        boolean mayTell = tellsHeldBack && !ending && !aborted && channel.isWritable();
        if (mayTell && transmission != null && transmission.isHeldBack()) {
            NbdReplies.heldBack(out(), transmission.heldCookie());
        }
    }

    /** A client may read its replies as late as it likes, until others need the memory. */
    private void checkReading(long nowNanos, NbdLimits limits) {
        settle();
        long takenBytes = sentBytes - queuedBytes;
        if (queuedBytes <= MARKS.high() || takenBytes != lastTakenBytes) {
            stuckSinceNanos = nowNanos;
        }
        lastTakenBytes = takenBytes;
        if (target.memoryContended()
                && nowNanos - stuckSinceNanos > limits.payload().toNanos()) {
            abort();
        }
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
        release();
        ctx.fireChannelInactive();
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        var _ = ctx.close();
        if (cause instanceof Error) {
            target.loop().execute(() -> {
                throw new IllegalStateException("a bug met an NBD connection", cause);
            });
        } else if (!(cause instanceof IOException)) { // A reset by the client is everyday life.
            LOG.error("an NBD connection failed, and is closed", cause);
        }
    }

    private void release() {
        if (closed) {
            return;
        }
        closed = true;
        received.forEach(ByteBuf::release);
        received.clear();
        if (out != null) {
            out.release();
            out = null;
        }
        if (handshake != null) {
            handshake.release();
            handshake = null;
        }
        if (session != null) {
            count(0);
            session.close();
        }
        if (forgetVolume != null) {
            forgetVolume.run();
        }
        if (client != null) {
            client.left(this, session);
        }
        target.closed(this);
    }
}
