package io.varve.dataplane.disk;

import java.nio.file.Path;

/**
 * Which device to open, and how.
 *
 * @param path a block device or a regular file
 * @param createBytes size of a file that does not exist yet, a multiple of 4 KiB; 0: it must exist. Of no meaning for a block device
 * @param zeroFillBytes how much of a new file, from its start, is written with zeros. A durable write into space that is only reserved
 *     makes the file system commit its own journal each time, which costs several times the write itself; put everything that is
 *     written durably (the journal) below this mark. More is better and takes longer: about a second for each GiB
 * @param readOnly for looking only: no lock is taken, so another process may have the device
 */
public record DeviceSpec(Path path, long createBytes, long zeroFillBytes, boolean readOnly) {
    /** A device that is there, to be owned. */
    public static DeviceSpec existing(Path path) {
        return new DeviceSpec(path, 0, 0, false);
    }

    /** A file that is made if it is missing, all of it filled with zeros. */
    public static DeviceSpec file(Path path, long bytes) {
        return new DeviceSpec(path, bytes, bytes, false);
    }

    /** A file that is made if it is missing: all of its space reserved, the first {@code zeroFillBytes} filled with zeros. */
    public static DeviceSpec file(Path path, long bytes, long zeroFillBytes) {
        return new DeviceSpec(path, bytes, zeroFillBytes, false);
    }

    public static DeviceSpec lookOnly(Path path) {
        return new DeviceSpec(path, 0, 0, true);
    }
}
