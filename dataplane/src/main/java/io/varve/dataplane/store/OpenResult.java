package io.varve.dataplane.store;

/** How opening a disk group ended. */
public sealed interface OpenResult {
    /** It serves. {@code incarnation}: this start's number. */
    record Opened(DiskGroup group, int incarnation) implements OpenResult {}

    /** Nothing was changed on any device. {@code message} names the device and says what to do. */
    record Refused(String message) implements OpenResult {}
}
