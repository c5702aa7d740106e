package io.varve.dataplane.store;

import io.varve.dataplane.store.index.LongIntTable;
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
    private int looseCount;
    /** Loose units up to here were so when the running checkpoint began. */
    private int settling;

    DirectUnits(List<GroupDevice> devices) {
        this.devices = devices;
    }

    private long unit(long location) {
        int device = Overlay.locationDevice(location);
        return (long) device << 32 | devices.get(device).unitOf(Overlay.locationBlock(location));
    }

    void added(long location) {
        long unit = unit(location);
        references.put(unit, Math.max(0, references.get(unit)) + 1);
    }

    void removed(long location) {
        long unit = unit(location);
        int count = references.get(unit);
        if (count > 1) {
            references.put(unit, count - 1);
        } else if (count == 1) {
            references.remove(unit);
            addLoose(unit);
        }
    }

    /** An index entry names the unit from now on: it is the allocator's business. */
    void adopted(int device, int unit) {
        references.remove((long) device << 32 | unit);
    }

    /** A unit that was taken for a record which never became durable. */
    void unused(long unit) {
        if (references.get(unit) < 0) {
            addLoose(unit);
        }
    }

    private void addLoose(long unit) {
        if (looseCount == loose.length) {
            loose = java.util.Arrays.copyOf(loose, looseCount * 2);
        }
        loose[looseCount++] = unit;
    }

    /** After replay: what was cut away while reading was never marked as taken. */
    void forgetLoose() {
        looseCount = 0;
    }

    void checkpointBegins() {
        settling = looseCount;
    }

    /** True if units wait for a checkpoint. */
    boolean isAnyLoose() {
        return looseCount > 0;
    }

    void checkpointCommitted() {
        for (int i = 0; i < settling; i++) {
            devices.get((int) (loose[i] >>> 32)).allocator().reuse((int) loose[i]);
        }
        System.arraycopy(loose, settling, loose, 0, looseCount - settling);
        looseCount -= settling;
        settling = 0;
    }
}
