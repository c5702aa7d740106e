package io.varve.dataplane.disk;

import org.jspecify.annotations.Nullable;

/** One operation on its way through a real disk. Pooled by {@link DeviceDisk}; reused after its callback. */
final class DiskOperation {
    enum Kind {
        READ,
        WRITE,
        FLUSH,
        DISCARD
    }

    /** The disk's index of this object, for a completion to find it by. */
    final int slot;

    final Iovecs iovecs = new Iovecs();

    Kind kind = Kind.FLUSH;
    boolean durable;
    /** Where the rest of the transfer starts, in bytes from the device's start. */
    long offset;
    /** What is left, in bytes. */
    long remaining;
    /** What was asked for, in bytes: the callback's result. 0 for flush and discard. */
    int length;
    /** Times that the kernel said "try again" without transferring anything. */
    int retries;
    /** Set by whoever ran it: bytes transferred now, or a negative errno. */
    int result;

    @Nullable DiskCallback callback;

    @Nullable DiskOperation next;

    DiskOperation(int slot) {
        this.slot = slot;
    }
}
