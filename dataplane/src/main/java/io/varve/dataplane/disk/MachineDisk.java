package io.varve.dataplane.disk;

import java.util.List;

/**
 * A whole disk of this machine, as the kernel and udev tell of it.
 *
 * @param name the kernel's, such as {@code nvme0n1}: another one after the next boot
 * @param ids its names below {@code /dev/disk/by-id}, which stay: the one by which to call it first
 * @param model empty where the kernel knows none
 * @param obstacles why it is nobody's to take, whatever is wanted, each for the sentence "it …"; empty: nothing is known against it
 */
public record MachineDisk(
        String name,
        List<String> ids,
        long sizeBytes,
        DeviceClass deviceClass,
        boolean rotational,
        String model,
        List<String> obstacles) {
    public MachineDisk {
        ids = List.copyOf(ids);
        obstacles = List.copyOf(obstacles);
    }
}
