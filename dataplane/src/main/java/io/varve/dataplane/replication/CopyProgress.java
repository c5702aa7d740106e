package io.varve.dataplane.replication;

/**
 * One copy that is being filled, for people.
 *
 * @param group UUID of the disk group that is filled
 * @param extentsTotal what it missed when it joined, in extents of 1 MiB; 0: not known yet
 * @param bytesCopied since it joined: what reads as zeros is not sent
 * @param bytesPerSecond over the last seconds
 * @param state WAITING for its turn, JOINING, COPYING, FINISHING
 */
public record CopyProgress(
        int slab,
        String group,
        int extentsTotal,
        int extentsLeft,
        long bytesCopied,
        long bytesPerSecond,
        String state) {}
