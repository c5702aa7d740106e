package io.varve.dataplane.disk;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** Finds the disks of this machine: sysfs tells what they are, udev's links in {@code /dev/disk/by-id} what they are called. Blocks. */
public final class MachineDisks {
    /** The kernel counts in sectors of 512 bytes, whatever the disk's are. */
    private static final int SECTOR_BYTES = 512;

    /** What can stand in a configuration as it is. */
    private static final Pattern PLAIN = Pattern.compile("[A-Za-z0-9][A-Za-z0-9_.:+=@,-]*");

    /** Names of numbers only; the others tell model and serial number. */
    private static final Pattern NUMBERS_ONLY =
            Pattern.compile("(wwn-|nvme-eui\\.|nvme-uuid\\.|nvme-nvme\\.|scsi-3|lvm-).*");

    private static final Comparator<String> BEST_NAME = Comparator.<String, Boolean>comparing(
                    id -> NUMBERS_ONLY.matcher(id).matches())
            .thenComparingInt(String::length)
            .thenComparing(Comparator.naturalOrder());

    private MachineDisks() {}

    /** The machine's own. */
    public static List<MachineDisk> find() throws IOException {
        return find(Path.of("/sys"), Path.of("/dev"));
    }

    /** In the order of their names. Neither partitions nor what has no medium; of what is made by the kernel itself only that which udev names. */
    static List<MachineDisk> find(Path sys, Path dev) throws IOException {
        Map<String, List<String>> ids = ids(dev.resolve("disk/by-id"));
        List<MachineDisk> disks = new ArrayList<>();
        for (Path link : entries(sys.resolve("class/block"))) {
            String name = link.getFileName().toString();
            Path block = link.toRealPath();
            List<String> own = ids.getOrDefault(name, List.of());
            long sizeBytes = Long.parseLong(text(block.resolve("size"), "0")) * SECTOR_BYTES;
            boolean isMade = block.toString().contains("/devices/virtual/") && own.isEmpty();
            if (!Files.exists(block.resolve("partition")) && sizeBytes > 0 && !isMade) {
                disks.add(disk(name, own, sizeBytes, block));
            }
        }
        return disks;
    }

    private static MachineDisk disk(String name, List<String> ids, long sizeBytes, Path block) throws IOException {
        boolean rotational = text(block.resolve("queue/rotational"), "0").equals("1");
        DeviceClass deviceClass =
                name.startsWith("nvme") ? DeviceClass.NVME : rotational ? DeviceClass.HDD : DeviceClass.SSD;
        return new MachineDisk(
                name,
                ids,
                sizeBytes,
                deviceClass,
                rotational,
                text(block.resolve("device/model"), ""),
                obstacles(ids, block));
    }

    private static List<String> obstacles(List<String> ids, Path block) throws IOException {
        List<String> obstacles = new ArrayList<>();
        if (ids.isEmpty()) {
            obstacles.add("has no name in /dev/disk/by-id that stays after a restart");
        }
        if (Files.exists(block.resolve("dm")) || Files.exists(block.resolve("md"))) {
            obstacles.add("is made of other disks");
        }
        if (text(block.resolve("ro"), "0").equals("1")) {
            obstacles.add("is read-only");
        }
        if (text(block.resolve("removable"), "0").equals("1")) {
            obstacles.add("is removable");
        }
        String transport = transport(block);
        if (!transport.isEmpty()) {
            obstacles.add("is reached over a network (" + transport + "): it may be another machine's tomorrow");
        }
        List<String> partitions = new ArrayList<>();
        for (Path part : entries(block)) {
            if (Files.exists(part.resolve("partition"))) {
                partitions.add(part.getFileName().toString());
            }
        }
        if (!partitions.isEmpty()) {
            obstacles.add("has partitions: " + String.join(", ", partitions));
        }
        List<Path> holders = entries(block.resolve("holders"));
        if (!holders.isEmpty()) {
            obstacles.add("is a part of " + holders.getFirst().getFileName());
        }
        return obstacles;
    }

    /** A volume that somebody attached here looks like a blank disk until its file system is made. Empty: the disk is in this machine. */
    private static String transport(Path block) throws IOException {
        String nvme = text(block.resolve("device/transport"), "pcie");
        if (!nvme.equals("pcie")) {
            return "NVMe over " + nvme;
        }
        String path = block.toString();
        return path.contains("/session") ? "iSCSI" : path.contains("/rport-") ? "Fibre Channel" : "";
    }

    private static Map<String, List<String>> ids(Path directory) throws IOException {
        Map<String, List<String>> ids = new HashMap<>();
        for (Path link : entries(directory)) {
            String id = link.getFileName().toString();
            if (Files.isSymbolicLink(link) && PLAIN.matcher(id).matches()) {
                String name = Files.readSymbolicLink(link).getFileName().toString();
                ids.computeIfAbsent(name, any -> new ArrayList<>()).add(id);
            }
        }
        ids.values().forEach(names -> names.sort(BEST_NAME));
        return ids;
    }

    /** Sorted; none where there is no such directory. */
    private static List<Path> entries(Path directory) throws IOException {
        try (Stream<Path> entries = Files.list(directory)) {
            return entries.sorted().toList();
        } catch (NoSuchFileException none) {
            return List.of();
        }
    }

    private static String text(Path file, String otherwise) throws IOException {
        try {
            return Files.readString(file).strip();
        } catch (NoSuchFileException none) {
            return otherwise;
        }
    }
}
