package io.varve.model;

/** How many copies it takes. */
public final class Redundancy {
    private Redundancy() {}

    /** The fewest in-sync replicas with which a slab may be written: 1, 1, 2 for 1, 2, 3 replicas. */
    public static int minInSync(int replicas) {
        return replicas >= 3 ? 2 : 1;
    }
}
