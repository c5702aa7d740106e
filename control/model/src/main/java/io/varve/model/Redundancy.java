package io.varve.model;

/** How many copies it takes. */
public final class Redundancy {
    private Redundancy() {}

    /** The fewest in-sync replicas with which a slab may be written: 1, 1, 2 for 1, 2, 3 replicas. */
    public static int minInSync(int replicas) {
        return replicas >= 3 ? 2 : 1;
    }

    /** The same of a volume; {@code setting}: what was chosen for it, 1 to {@code replicas}, or 0: it follows the number of replicas. */
    public static int minInSync(int replicas, int setting) {
        return setting == 0 ? minInSync(replicas) : setting;
    }

    /**
     * The same while the number of replicas is being raised from {@code before} (0: it is not): what follows the replicas follows when they are there. Else a copy
     * lost meanwhile would leave fewer than it takes, and nothing could fill the new one.
     */
    public static int minInSync(int replicas, int setting, int before) {
        return minInSync(before == 0 ? replicas : Math.min(replicas, before), setting);
    }

    /** Why the setting cannot be that; empty when it can. */
    public static String objection(int replicas, int setting) {
        return setting >= 0 && setting <= replicas
                ? ""
                : "the fewest copies in sync (min-in-sync) can be 1 to the number of copies, here 1 to " + replicas
                        + ", or default, not " + setting;
    }
}
