package io.varve.dataplane.store;

/**
 * How much a replica can take, told to access points with every acknowledgement so that no write without room is ever numbered.
 *
 * @param journalBytes free bytes of the journal ring, headers counted, less a reserve for control records; above 90 % fill the figure
 *     shrinks linearly to zero so that destage catches up
 * @param pieces free allocation units of 64 KiB over all devices of the group, less those reserved for records that are in the journal
 *     and not yet destaged, less those that thick volumes are guaranteed, and less the reserve for rebuild
 */
public record Credits(long journalBytes, long pieces) {}
