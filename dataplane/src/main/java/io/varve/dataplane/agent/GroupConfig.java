package io.varve.dataplane.agent;

import io.varve.dataplane.disk.DeviceClass;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * A disk group as its node is told to have it: a journal on the first flash device, data on all.
 *
 * @param name unique on the node
 * @param journalBytes counts when the group is formatted only
 */
public record GroupConfig(String name, long journalBytes, List<Device> devices) {
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
