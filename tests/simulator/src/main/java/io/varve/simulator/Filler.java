package io.varve.simulator;

import io.varve.dataplane.volume.BlockStatus;
import io.varve.dataplane.volume.SlabVolume;
import io.varve.model.Geometry;
import java.util.BitSet;
import org.jspecify.annotations.Nullable;

/** A client that, when it is told to, writes until nothing more fits, and goes on trying; else it gives back what it wrote. */
final class Filler extends Client {
    private static final int MOST_PIECES = 4;
    private static final long THINK_NANOS = 20_000_000L;

    /** Until what was given back can be used again everywhere. */
    private static final long RECLAIM_NANOS = 5 * Cluster.SECOND;

    /** Places in {@link Layout#ballast} that may hold something. */
    private final BitSet written = new BitSet();

    Filler(Cluster cluster, Layout layout, History history) {
        super(cluster, layout, history);
    }

    boolean isEmpty() {
        return written.isEmpty();
    }

    @Override
    long thinkNanos() {
        return 1 + random.nextLong(THINK_NANOS);
    }

    @Override
    @Nullable SlabVolume choose() {
        return layout.ballast.isEmpty() ? null : cluster.served();
    }

    @Override
    @Nullable Request draw(SlabVolume at, Node.Life life) {
        if (!cluster.isFilling) {
            int place = written.nextSetBit(0);
            if (place < 0) {
                return null;
            }
            Layout.Area area = layout.ballast.get(place);
            return new Request(at, life, Operation.Kind.UNMAP, area.first(), area.count());
        }
        int place = random.nextInt(layout.ballast.size());
        written.set(place);
        cluster.roomFromNanos = Long.MAX_VALUE;
        Layout.Area area = layout.ballast.get(place);
        int piece = Geometry.BLOCKS_PER_PIECE;
        int first = random.nextInt(area.count() / piece);
        int pieces = 1 + random.nextInt(Math.min(MOST_PIECES, area.count() / piece - first));
        return new Request(at, life, Operation.Kind.WRITE, area.first() + first * piece, pieces * piece);
    }

    @Override
    void answered(Operation operation, BlockStatus status) {
        if (operation.kind == Operation.Kind.UNMAP && status == BlockStatus.OK) {
            for (int place = 0; place < layout.ballast.size(); place++) {
                if (layout.ballast.get(place).first() == operation.firstCell) {
                    written.clear(place);
                }
            }
            if (written.isEmpty()) {
                cluster.roomFromNanos = cluster.scheduler.nanos() + RECLAIM_NANOS;
            }
        }
    }
}
