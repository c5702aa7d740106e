package io.varve.dataplane.disk;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** What the kernel tells in /sys/dev/block about the disk that a device or a file lies on. Blocks; for opening only. */
final class SysfsBlock {
    private SysfsBlock() {}

    /** SSD where nothing can be told: network file systems, several disks under one file system, no sysfs in a container. */
    static DeviceClass deviceClass(Path path, boolean isBlockDevice) {
        try {
            long device = number(Files.getAttribute(path, isBlockDevice ? "unix:rdev" : "unix:dev"));
            Path block = Path.of("/sys/dev/block/" + major(device) + ":" + minor(device))
                    .toRealPath();
            if (!Files.exists(block.resolve("queue"))) {
                // A partition: its disk is the directory above.
                block = block.resolve("..").toRealPath();
            }
            if (block.toString().contains("/nvme")) {
                return DeviceClass.NVME;
            }
            String rotational =
                    Files.readString(block.resolve("queue/rotational")).strip();
            return rotational.equals("1") ? DeviceClass.HDD : DeviceClass.SSD;
        } catch (IOException | RuntimeException unknown) {
            return DeviceClass.SSD;
        }
    }

    private static long number(Object attribute) {
        return ((Number) attribute).longValue();
    }

    /** gnu_dev_major(3). */
    private static long major(long device) {
        return (device >> 8 & 0xfff) | (device >> 32 & ~0xfffL);
    }

    private static long minor(long device) {
        return (device & 0xff) | (device >> 12 & ~0xffL);
    }
}
