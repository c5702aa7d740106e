package io.varve.control.placement;

/**
 * A disk group as placement sees it.
 *
 * @param group its uuid
 * @param node the node that has it
 * @param zone the node's zone; empty: none
 * @param capacityBytes room for data
 * @param freeBytes of it not allocated nor reserved
 * @param placed replicas that were placed there before, written or not
 * @param usable false when its node is not there or the group has failed
 */
public record Candidate(
        String group, String node, String zone, long capacityBytes, long freeBytes, long placed, boolean usable) {
    /** The same with less free space. */
    public Candidate less(long bytes) {
        return bytes == 0
                ? this
                : new Candidate(group, node, zone, capacityBytes, Math.max(0, freeBytes - bytes), placed, usable);
    }

    /** Bytes that may be kept there before the group is so full. */
    public long room(int fullPercent) {
        long used = capacityBytes - freeBytes;
        return Math.max(0, capacityBytes / 100 * fullPercent - used);
    }

    /** Used part of the capacity in percent, rounded down; 100 for a group without capacity. */
    public int usedPercent() {
        if (capacityBytes <= 0) {
            return 100;
        }
        long used = Math.max(0, capacityBytes - freeBytes);
        return (int) (used / Math.max(1, capacityBytes / 100.0));
    }
}
