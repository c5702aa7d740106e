package io.varve.control.placement;

/**
 * What whoever makes a volume wants of the places of its copies, beyond what always holds. Only the zones are a condition.
 *
 * @param node that is to have a copy of everything, because the volume is used there; empty: none
 * @param zone of that node, the next best; empty: none
 * @param bytes that are to find room there
 * @param distinctZones no two copies of a slab in one zone, and none without a zone: rather no volume
 */
public record Wish(String node, String zone, long bytes, boolean distinctZones) {
    public static final Wish NONE = new Wish("", "", 0, false);
}
