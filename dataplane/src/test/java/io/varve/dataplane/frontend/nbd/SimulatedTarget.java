package io.varve.dataplane.frontend.nbd;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.util.ReferenceCountUtil;
import io.varve.dataplane.time.SimulatedLoop;
import io.varve.dataplane.time.SimulatedScheduler;
import io.vertx.core.Vertx;

/** A target whose loop, clock and sockets are simulated: one client's bytes in, the answer out, on the calling thread. */
final class SimulatedTarget {
    /** Long enough for all that a client began to end. */
    private static final long SETTLE_NANOS = 20_000_000;

    private static final int MAX_PIECES = 3000;
    /** More than every time limit of a target. */
    private static final long FOREVER_NANOS = 60_000_000_000L;

    /** Only for the constructor: nothing listens here. */
    private static final Vertx VERTX = Vertx.vertx();

    private final SimulatedScheduler scheduler;
    private final SimulatedLoop loop;
    final MemoryVolumes volumes = new MemoryVolumes();
    final MemoryVolume volume;
    final NbdTarget target;

    SimulatedTarget(long seed) {
        scheduler = new SimulatedScheduler(seed);
        loop = scheduler.newLoop("nbd");
        volume = new MemoryVolume("db", 4L << 20, loop);
        volume.behaviour = MemoryVolume.Behaviour.SHUFFLED;
        volume.queueLimit = 7;
        volumes.add(volume);
        target = new NbdTarget(VERTX, VERTX.getOrCreateContext(), loop, volumes, NbdLimits.DEFAULT);
    }

    /**
     * Sends {@code bytes} cut into pieces of {@code wantedPieceBytes} or somewhat more, then leaves; returns all that the target said. Throws what the target
     * threw, and fails if it keeps anything.
     */
    ByteBuf converse(byte[] bytes, int wantedPieceBytes) {
        int pieceBytes = Math.max(wantedPieceBytes, bytes.length / MAX_PIECES);
        EmbeddedChannel channel = new EmbeddedChannel(new LastHandler());
        loop.execute(() -> target.accept(channel.pipeline().lastContext()));
        for (int at = 0; at < bytes.length; at += pieceBytes) {
            ByteBuf piece = Unpooled.copiedBuffer(bytes, at, Math.min(pieceBytes, bytes.length - at));
            loop.execute(() -> {
                if (channel.isOpen()) {
                    channel.writeInbound(piece);
                } else {
                    piece.release();
                }
            });
        }
        scheduler.runFor(SETTLE_NANOS + 2 * SimulatedScheduler.STEP_NANOS * (bytes.length / pieceBytes));
        ByteBuf said = Unpooled.buffer();
        for (ByteBuf part = channel.readOutbound(); part != null; part = channel.readOutbound()) {
            said.writeBytes(part);
            part.release();
        }
        loop.execute(() -> {
            var _ = channel.close();
        });
        scheduler.runFor(FOREVER_NANOS);
        channel.checkException();
        channel.releaseOutbound();
        check(target.connections() == 0, "a connection is left");
        check(target.heldBytes() == 0, "memory is left");
        check(volume.held() == 0, "a request is left");
        check(volumes.listeners() == 0, "a listener is left");
        return said;
    }

    private static void check(boolean holds, String what) {
        if (!holds) {
            throw new AssertionError(what);
        }
    }

    /** Stands where Vert.x's handler stands. */
    private static final class LastHandler extends ChannelInboundHandlerAdapter {
        @Override
        public void channelRead(ChannelHandlerContext ctx, Object message) {
            ReferenceCountUtil.release(message);
            throw new AssertionError("bytes went past the NBD connection");
        }
    }
}
