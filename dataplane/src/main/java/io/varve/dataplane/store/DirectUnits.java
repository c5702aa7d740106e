package io.varve.dataplane.store;

import io.varve.dataplane.store.index.LongIntTable;
import io.varve.model.Geometry;
import java.util.List;

/**
 * Units of direct writes that no index entry names yet: how many overlay versions point at each. A unit that lost its last version is loose;
 * it may be given out again when a checkpoint that began later has committed, because until then a crash could bring the version back.
 * Confined to the group's loop.
 */
final class DirectUnits {
    private final List<GroupDevice> devices;
    private final LongIntTable references = new LongIntTable();
    private long[] loose = new long[16];
    /** For each loose unit the frame that names it and must not be replayed any more before it is given out; −1: any checkpoint will do. */
    private long[] looseFrames = new long[16];

    private int looseCount;
    /** Loose units that the last checkpoint had to keep. */
    private int kept;
    /** Loose units up to here were so when the running checkpoint began. */
    private int settling;

    /** A series of versions of one unit that went, not counted yet. */
    private long removedFrom = -1;

    private int removedVersions;

    DirectUnits(List<GroupDevice> devices) {
        this.devices = devices;
    }

    private long unit(long location) {
        int device = Overlay.locationDevice(location);
        return (long) device << 32 | devices.get(device).unitOf(Overlay.locationBlock(location));
    }

    /** So many versions point into the unit of {@code location} from now on. */
    void added(long location, int versions) {
        long unit = unit(location);
        references.put(unit, Math.max(0, references.get(unit)) + versions);
    }

    /** A version in the unit of {@code location} is gone. Neighbours usually go together: counted with {@link #settleRemoved}. */
    void removed(long location) {
        long unit = unit(location);
        if (unit != removedFrom) {
            settleRemoved();
            removedFrom = unit;
        }
        removedVersions++;
    }

    /** Ends a series of {@link #removed}. */
    void settleRemoved() {
        settleRemoved(-1);
    }

    /**
     * The same where versions were moved, not superseded: as long as {@code frameSeq} can be replayed its record counts, and names the unit,
     * although the copy holds the data too.
     */
    void settleRemoved(long frameSeq) {
        if (removedVersions == 0) {
            return;
        }
        long unit = removedFrom;
        int count = references.get(unit);
        if (count > removedVersions) {
            references.put(unit, count - removedVersions);
        } else if (count > 0) {
            references.remove(unit);
            addLoose(unit, frameSeq);
        }
        removedFrom = -1;
        removedVersions = 0;
    }

    /** An index entry names the unit from now on: it is the allocator's business. */
    void adopted(int device, int unit) {
        references.remove((long) device << 32 | unit);
    }

    /** A unit that was taken for a record which never became durable. */
    void unused(long unit) {
        if (references.get(unit) < 0) {
            addLoose(unit, -1);
        }
    }

    private void addLoose(long unit, long frameSeq) {
        if (looseCount == loose.length) {
            loose = java.util.Arrays.copyOf(loose, looseCount * 2);
            looseFrames = java.util.Arrays.copyOf(looseFrames, looseCount * 2);
        }
        loose[looseCount] = unit;
        looseFrames[looseCount++] = frameSeq;
    }

    /** After replay: what was cut away while reading was never marked as taken. */
    void forgetLoose() {
        looseCount = 0;
        kept = 0;
    }

    void checkpointBegins() {
        settling = looseCount;
    }

    /** Bytes of direct writes that no checkpoint has taken into the index yet. */
    long waitingBytes() {
        return (long) references.size() * Geometry.PIECE_BYTES;
    }

    /** True if units wait for a checkpoint, and not for another tail to be moved. */
    boolean isAnyLoose() {
        return looseCount > kept;
    }

    /** {@code replayFrom}: the first frame that would be replayed from now on. */
    void checkpointCommitted(long replayFrom) {
        int left = 0;
        kept = 0;
        for (int i = 0; i < looseCount; i++) {
            if (i < settling && looseFrames[i] < replayFrom) {
                devices.get((int) (loose[i] >>> 32)).allocator().reuse((int) loose[i]);
            } else {
                kept += i < settling ? 1 : 0;
                loose[left] = loose[i];
                looseFrames[left++] = looseFrames[i];
            }
        }
        looseCount = left;
        settling = 0;
    }
}
