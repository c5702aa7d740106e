package io.varve.model;

/** What the copies of a thick volume keep room for. */
public final class Guarantee {
    private Guarantee() {}

    /** Bytes of that slab, from its begin, which a volume of that size covers: so much of it every copy of a thick one guarantees. */
    public static long ofSlab(long volumeBytes, long slabBytes, int slab) {
        return Math.clamp(volumeBytes - slab * slabBytes, 0, slabBytes);
    }
}
