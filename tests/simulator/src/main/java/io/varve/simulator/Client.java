package io.varve.simulator;

import io.netty.buffer.ByteBuf;
import io.varve.dataplane.buffer.Buffers;
import io.varve.dataplane.volume.BlockRequest;
import io.varve.dataplane.volume.BlockStatus;
import io.varve.dataplane.volume.SlabVolume;
import java.util.List;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/**
 * Somebody who uses the volume: one request at a time, mostly where the newest access point is, now and then at one that may be old and not know it.
 * Gives up on a request after a while, as after a broken connection: then it may still take effect.
 */
class Client {
    private static final long MILLI = 1_000_000L;

    /** Between two looks for an access point. */
    private static final long LOOK_NANOS = 50 * MILLI;

    /** The longest pause between two requests of somebody in a hurry. */
    private static final long HURRIED_NANOS = 15 * MILLI;

    /** One request in so many of somebody in a hurry is about a whole piece. */
    private static final int PIECES_ONE_IN = 4;

    /** After a request that failed. */
    private static final long PAUSE_NANOS = 100 * MILLI;

    /** What a client waits for an answer while things go wrong. */
    private static final long PATIENCE_NANOS = 12 * Cluster.SECOND;

    /** A request goes to any open access point, not the newest, one time in so many. */
    private static final int STRAYS_ONE_IN = 2;

    /** And of those requests one in so many may be a write. */
    private static final int STRAY_WRITES_ONE_IN = 8;

    final Cluster cluster;
    final Layout layout;
    final SplittableRandom random;
    private final History history;
    private @Nullable Request current;
    private boolean isStopped;
    private long answered;

    Client(Cluster cluster, Layout layout, History history) {
        this.cluster = cluster;
        this.layout = layout;
        this.history = history;
        this.random = cluster.random.split();
    }

    void start() {
        later(thinkNanos());
    }

    /** Begins nothing more. */
    void stop() {
        isStopped = true;
    }

    boolean isIdle() {
        return current == null;
    }

    /** Requests that were answered OK. */
    long answered() {
        return answered;
    }

    /** Whoever had a request on that life will never be answered. */
    void died(Node.Life life) {
        Request lost = current;
        if (lost != null && lost.life == life) {
            lost.abandon();
            later(PAUSE_NANOS);
        }
    }

    private void later(long nanos) {
        cluster.world.schedule(nanos, this::next);
    }

    long thinkNanos() {
        return 1 + random.nextLong(cluster.isHurried() ? HURRIED_NANOS : 2 * cluster.scenario.thinkNanos());
    }

    private void next() {
        if (isStopped || current != null) {
            return;
        }
        SlabVolume at = choose();
        Node.Life life = at == null ? null : cluster.lifeOf(at);
        if (at == null || life == null) {
            later(LOOK_NANOS);
            return;
        }
        Request drawn = draw(at, life);
        if (drawn == null) {
            later(LOOK_NANOS);
        } else {
            drawn.submit();
        }
    }

    @Nullable SlabVolume choose() {
        List<SlabVolume> open = cluster.allOpen();
        if (open.size() > 1 && random.nextInt(STRAYS_ONE_IN) == 0) {
            return open.get(random.nextInt(open.size()));
        }
        return cluster.served();
    }

    /** The next request; null if there is nothing to ask just now. */
    @Nullable Request draw(SlabVolume at, Node.Life life) {
        if (layout.piece != null && cluster.isHurried() && random.nextInt(PIECES_ONE_IN) == 0) {
            Operation.Kind kind = random.nextInt(3) == 0 ? Operation.Kind.READ : Operation.Kind.WRITE;
            return new Request(at, life, kind, layout.piece.first(), layout.piece.count());
        }
        Layout.Area area = layout.areas.get(random.nextBoolean() ? 0 : random.nextInt(layout.areas.size()));
        int first = random.nextInt(area.count());
        int most = area.count() - first;
        int length = random.nextInt(8) == 0 ? most : Math.min(most, 1 + random.nextInt(random.nextBoolean() ? 1 : 4));
        if (random.nextInt(8) == 0) {
            first = 0;
            length = area.count();
        }
        // Who asks an access point that is old mostly reads: a write that nobody answers keeps the client busy.
        boolean isRead = at != cluster.served() && random.nextInt(STRAY_WRITES_ONE_IN) > 0;
        int kind = isRead ? 0 : random.nextInt(20);
        Operation.Kind drawn = kind < 9
                ? Operation.Kind.READ
                : kind < 16
                        ? Operation.Kind.WRITE
                        : kind < 17 ? Operation.Kind.ZERO : kind < 19 ? Operation.Kind.UNMAP : Operation.Kind.FLUSH;
        return new Request(at, life, drawn, area.first() + first, drawn == Operation.Kind.FLUSH ? 0 : length);
    }

    /** Reads one whole area, for the end of a run; {@code null} while another request is under way. */
    void read(SlabVolume at, Node.Life life, Layout.Area area) {
        new Request(at, life, Operation.Kind.READ, area.first(), area.count()).submit();
    }

    /** The request was answered. */
    void answered(Operation operation, BlockStatus status) {}

    final class Request extends BlockRequest {
        private final SlabVolume volume;
        private final Node.Life life;
        private final Operation operation;
        private long begunNanos;
        private boolean isAbandoned;
        private io.varve.dataplane.time.Loop.@Nullable Timer patience;

        Request(SlabVolume volume, Node.Life life, Operation.Kind kind, int firstCell, int cells) {
            this.volume = volume;
            this.life = life;
            this.operation =
                    history.begin(kind, firstCell, cells, volume.accessPoints().epoch());
            super.kind = Kind.valueOf(kind.name());
            offsetBytes = cells == 0 ? 0 : layout.offsetBytes(firstCell);
            lengthBytes = (long) cells * layout.cellBytes;
            if (kind == Operation.Kind.READ || kind == Operation.Kind.WRITE) {
                ByteBuf buffer = Buffers.aligned((int) lengthBytes);
                if (kind == Operation.Kind.WRITE) {
                    for (int i = 0; i < cells; i++) {
                        Stamp.write(buffer, i * layout.cellBytes, layout.cellBytes, firstCell + i, operation.number);
                    }
                }
                buffer.writerIndex((int) lengthBytes);
                data = buffer;
            }
        }

        void submit() {
            current = this;
            begunNanos = cluster.scheduler.nanos();
            cluster.trace.note(operation.number, () -> life.node().name + " is asked " + operation);
            life.loop.execute(this::enter);
            patience = cluster.world.schedule(PATIENCE_NANOS, () -> {
                abandon();
                later(thinkNanos());
            });
        }

        /** As a front end does, it waits outside while the volume takes no more. */
        private void enter() {
            if (isAbandoned) {
                release();
            } else if (volume.canTakeMore()) {
                volume.submit(this);
            } else {
                volume.onDrained(this::enter);
            }
        }

        void abandon() {
            if (!isAbandoned && current == this) {
                isAbandoned = true;
                current = null;
                history.end(operation, Operation.End.UNKNOWN);
                forget();
            }
        }

        private void forget() {
            if (patience != null) {
                patience.cancel();
            }
        }

        @Override
        protected void completed(BlockStatus status) {
            if (!isAbandoned) {
                ended(status);
                forget();
                current = null;
                boolean isOk = status == BlockStatus.OK;
                Client.this.answered(operation, status);
                boolean isOdd = status == BlockStatus.IO_ERROR
                        || (status == BlockStatus.NO_SPACE && begunNanos >= cluster.roomFromNanos);
                if (isOdd && volume == cluster.served() && cluster.isWellSince(begunNanos)) {
                    throw new Violation("no error while all is well", status + " " + operation);
                }
                answered += isOk ? 1 : 0;
                cluster.world.execute(() -> later(isOk ? thinkNanos() : PAUSE_NANOS));
            }
            release();
        }

        private void release() {
            if (data != null) {
                data.release();
                data = null;
            }
        }

        private void ended(BlockStatus status) {
            if (status == BlockStatus.OK && operation.kind == Operation.Kind.READ) {
                ByteBuf read = java.util.Objects.requireNonNull(data);
                for (int i = 0; i < operation.cells; i++) {
                    int cell = operation.firstCell + i;
                    int value = Stamp.read(read, i * layout.cellBytes, layout.cellBytes, cell);
                    checkValue(cell, value);
                    history.saw(operation, cell, value);
                }
            }
            history.end(
                    operation,
                    switch (status) {
                        case OK -> Operation.End.OK;
                        case NO_SPACE -> Operation.End.REFUSED;
                        case IO_ERROR, FENCED, SHUTTING_DOWN -> Operation.End.UNKNOWN;
                    });
            cluster.trace.note(
                    status.name().hashCode(), () -> life.node().name + " answers " + status + " " + operation);
        }

        private void checkValue(int cell, int value) {
            if (value == 0) {
                return;
            }
            Operation wrote = history.find(value);
            if (wrote == null
                    || wrote.kind != Operation.Kind.WRITE
                    || cell < wrote.firstCell
                    || cell >= wrote.firstCell + wrote.cells) {
                throw new Violation("nobody wrote that", operation + " found " + value + " in cell " + cell);
            }
        }
    }
}
