package io.varve.dataplane.wire;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.varve.dataplane.time.Loop;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Connections between simulated loops: bytes arrive later, in order, in pieces chosen by the seed; nodes can be cut off from one another
 * and crash. The bytes are those of TCP, so frames, limits and checksums are exercised as they are. One thread.
 */
@SuppressWarnings("ReferenceEquality") // identity is meant
public final class SimulatedNetwork {
    private static final int REFUSED_AFTER_NANOS = 200_000;
    private static final int MIN_DELAY_NANOS = 20_000;
    private static final int MAX_DELAY_NANOS = 400_000;
    /** How long an end that was cut off takes to notice: as TCP's user timeout, shortened. */
    private static final long CUT_NOTICED_NANOS = 300_000_000L;

    private final SplittableRandom random;
    private final Map<String, Listener> listeners = new HashMap<>();
    private final Set<String> cuts = new HashSet<>();
    private final Set<String> oneWayCuts = new HashSet<>();
    private final Map<String, Long> slowNanos = new HashMap<>();
    private final List<End> ends = new ArrayList<>();

    public SimulatedNetwork(long seed) {
        this.random = new SplittableRandom(seed);
    }

    private record Listener(SimulatedTransport transport, Supplier<Receiver> accept) {}

    /** The network as one loop of one node sees it. */
    public Transport transport(Loop loop, String node) {
        return new SimulatedTransport(loop, node);
    }

    /** Messages between two nodes are lost from now on, both ways; their connections end. */
    public void cut(String node, String other) {
        cuts.add(pair(node, other));
        for (End end : List.copyOf(ends)) {
            if (isBetween(end, node, other)) {
                end.silent = true;
                end.loop.execute(() -> end.loop.schedule(CUT_NOTICED_NANOS, () -> end.end("timed out")));
            }
        }
    }

    /**
     * What {@code from} sends to {@code to} is lost from now on, acknowledgements too: so what goes the other way still arrives, and both ends give
     * up in the end. No new connection comes about in either direction.
     */
    public void cutOneWay(String from, String to) {
        oneWayCuts.add(from + ">" + to);
        for (End end : List.copyOf(ends)) {
            if (isBetween(end, from, to)) {
                end.silent |= end.node.equals(to);
                end.loop.execute(() -> end.loop.schedule(CUT_NOTICED_NANOS, () -> end.end("timed out")));
            }
        }
    }

    /** Ends cuts of both kinds between two nodes. */
    public void heal(String node, String other) {
        cuts.remove(pair(node, other));
        oneWayCuts.remove(node + ">" + other);
        oneWayCuts.remove(other + ">" + node);
    }

    /** True if {@code from} cannot talk to {@code to}, or is not answered. */
    public boolean isCut(String from, String to) {
        return cuts.contains(pair(from, to))
                || oneWayCuts.contains(from + ">" + to)
                || oneWayCuts.contains(to + ">" + from);
    }

    /** Everything between two nodes takes so much longer from now on; 0: no more. */
    public void slow(String node, String other, long nanos) {
        if (nanos == 0) {
            slowNanos.remove(pair(node, other));
        } else {
            slowNanos.put(pair(node, other), nanos);
        }
    }

    /** Ends all connections between two nodes; they can be made again at once. */
    public void reset(String node, String other) {
        for (End end : List.copyOf(ends)) {
            if (isBetween(end, node, other)) {
                end.silent = true;
                end.loop.execute(() -> end.end("connection reset"));
            }
        }
    }

    /** The node is gone: it hears nothing more; the others notice soon. */
    public void crash(String node) {
        listeners.values().removeIf(listener -> listener.transport.node.equals(node));
        for (End end : List.copyOf(ends)) {
            if (end.node.equals(node)) {
                ends.remove(end);
                end.ended = true;
                end.frames.close();
                End other = end.other;
                if (other != null) {
                    other.silent = true;
                    other.loop.execute(() -> other.end("connection reset"));
                }
            }
        }
    }

    private static boolean isBetween(End end, String node, String other) {
        return end.other != null
                && ((end.node.equals(node) && end.other.node.equals(other))
                        || (end.node.equals(other) && end.other.node.equals(node)));
    }

    private static String pair(String node, String other) {
        return node.compareTo(other) < 0 ? node + "|" + other : other + "|" + node;
    }

    private long delay() {
        return random.nextInt(MIN_DELAY_NANOS, MAX_DELAY_NANOS);
    }

    private final class SimulatedTransport implements Transport {
        private final Loop loop;
        private final String node;

        SimulatedTransport(Loop loop, String node) {
            this.loop = loop;
            this.node = node;
        }

        @Override
        public void connect(String address, Receiver receiver) {
            loop.schedule(REFUSED_AFTER_NANOS, () -> {
                Listener listener = listeners.get(address);
                if (listener == null || isCut(node, listener.transport.node)) {
                    receiver.closed("cannot connect: refused");
                    return;
                }
                End here = new End(loop, node, receiver);
                End there = new End(listener.transport.loop, listener.transport.node, listener.accept.get());
                here.other = there;
                there.other = here;
                ends.add(here);
                ends.add(there);
                receiver.opened(here);
                there.loop.execute(() -> {
                    if (!there.ended) {
                        there.isOpen = true;
                        there.receiver.opened(there);
                    }
                });
                here.isOpen = true;
            });
        }

        @Override
        public void listen(String address, Supplier<Receiver> accept, ListenCallback listening) {
            loop.execute(() -> {
                if (listeners.putIfAbsent(address, new Listener(this, accept)) == null) {
                    listening.done(address, null);
                } else {
                    listening.done(null, "cannot listen on " + address + ": in use");
                }
            });
        }

        @Override
        public void close() {
            listeners.values().removeIf(listener -> listener.transport == this);
            for (End end : List.copyOf(ends)) {
                if (end.loop == loop && end.node.equals(node)) {
                    end.close("this node stops");
                }
            }
        }
    }

    private final class End implements Connection {
        final Loop loop;
        final String node;
        final Receiver receiver;
        final FrameReader frames;
        final ArrayDeque<ByteBuf> arriving = new ArrayDeque<>();

        @Nullable End other;

        boolean isOpen;
        boolean silent;
        boolean ended;
        private boolean reading = true;

        End(Loop loop, String node, Receiver receiver) {
            this.loop = loop;
            this.node = node;
            this.receiver = receiver;
            this.frames = new FrameReader(receiver);
        }

        @Override
        public String remote() {
            return other == null ? "nobody" : other.node;
        }

        @Override
        public void send(ByteBuf head, @Nullable ByteBuf payload, int index, int length) {
            End to = other;
            ByteBuf bytes = Unpooled.buffer(head.readableBytes() + length);
            bytes.writeBytes(head);
            head.release();
            if (payload != null) {
                bytes.writeBytes(payload, index, length);
            }
            if (ended || silent || to == null || to.ended) {
                return;
            }
            int cutAt = bytes.readableBytes() > 1 && random.nextInt(4) == 0 ? random.nextInt(bytes.readableBytes()) : 0;
            if (cutAt > 0) {
                to.arrive(bytes.readRetainedSlice(cutAt));
            }
            to.arrive(bytes);
        }

        private void arrive(ByteBuf bytes) {
            arriving.add(bytes);
            long slow = slowNanos.isEmpty() ? 0 : slowNanos.getOrDefault(pair(node, remote()), 0L);
            long delay = delay() + slow;
            loop.execute(() -> loop.schedule(delay, this::deliver));
        }

        private void deliver() {
            while (reading && isOpen && !ended && !silent) {
                ByteBuf bytes = arriving.poll();
                if (bytes == null) {
                    return;
                }
                String violation = frames.feed(bytes);
                if (violation != null) {
                    close(violation);
                }
                return;
            }
        }

        @Override
        public boolean isWritable() {
            return !ended;
        }

        @Override
        public void setReading(boolean goOn) {
            reading = goOn;
            for (int i = arriving.size(); i > 0 && goOn; i--) {
                loop.execute(this::deliver);
            }
        }

        @Override
        public void close(String reason) {
            loop.execute(() -> end(reason));
            End to = other;
            if (to != null && !silent) {
                // Behind what was sent before, as a FIN is.
                long delay = MAX_DELAY_NANOS;
                to.loop.execute(() -> to.loop.schedule(delay, () -> to.end("closed by the peer")));
            }
        }

        void end(String reason) {
            if (!ended) {
                ended = true;
                ends.remove(this);
                frames.close();
                receiver.closed(reason);
            }
        }
    }
}
