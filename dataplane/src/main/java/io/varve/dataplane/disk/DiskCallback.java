package io.varve.dataplane.disk;

/** Told once, on the disk's loop, how an operation ended. Usually the caller's own pooled operation object. */
@FunctionalInterface
public interface DiskCallback {
    /** {@code result}: bytes transferred (0 for flush and discard), always all that were asked for, or a negative errno. */
    void done(int result);
}
