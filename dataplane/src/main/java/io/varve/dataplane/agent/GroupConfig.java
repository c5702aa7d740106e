package io.varve.dataplane.agent;

import io.varve.dataplane.disk.DeviceClass;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * A disk group as its node is told to have it: a journal on the first flash device, data on all.
 *
 * @param name unique on the node
 * @param journalBytes counts when the group is formatted only; 0: {@link #journalFor} its size
 */
public record GroupConfig(String name, long journalBytes, List<Device> devices) {
    /** Bursts of a second or two at the speed of a hard disk, whatever the device's size. */
    private static final long SMALLEST_JOURNAL_BYTES = 256L << 20;

    /** A restart reads all of it: more than this delays a start by more than a burst gains. */
    private static final long LARGEST_JOURNAL_BYTES = 4L << 30;

    private static final int DEVICE_PARTS = 16;
    private static final long WHOLE_BYTES = 64L << 20;

    /**
     * The journal of a group for which no size was said: a sixteenth of the device that holds it, from 256 MiB to 4 GiB, in whole
     * 64 MiB.
     */
    static long journalFor(long deviceBytes) {
        long part = deviceBytes / DEVICE_PARTS / WHOLE_BYTES * WHOLE_BYTES;
        return Math.clamp(part, SMALLEST_JOURNAL_BYTES, LARGEST_JOURNAL_BYTES);
    }

    /**
     * One device.
     *
     * @param deviceClass empty: what the kernel says of it
     * @param createBytes a file that is missing is made with this size; 0: it must exist
     * @param zeroFill the whole of a new file is written with zeros, not only the journal's part: slower to make, faster to write to
     * @param wipe whatever is on it may be destroyed when the group is formatted; of no effect afterwards
     */
    public record Device(
            Path path, Optional<DeviceClass> deviceClass, long createBytes, boolean zeroFill, boolean wipe) {}
}
