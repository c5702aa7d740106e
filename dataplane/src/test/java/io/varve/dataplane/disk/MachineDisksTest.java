package io.varve.dataplane.disk;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** On trees of files that look like sysfs and like the links of udev. */
final class MachineDisksTest {
    private static final String GIB_IN_SECTORS = "2097152";

    @TempDir
    private Path root = Path.of("");

    @BeforeEach
    void begin() throws IOException {
        Files.createDirectories(root.resolve("sys/class/block"));
    }

    @Test
    void tellsSizeKindModelAndNames() throws IOException {
        Path nvme = disk("pci0000:00/0000:01:00.0/nvme/nvme0/nvme0n1", "2097152000", "0");
        put(nvme.resolve("device/model"), "SAMSUNG MZVL21T0  \n");
        put(nvme.resolve("device/transport"), "pcie\n");
        Path sda = disk("pci0000:00/ata1/host0/target0:0:0/0:0:0:0/block/sda", GIB_IN_SECTORS, "1");
        put(sda.resolve("ro"), "0\n");
        put(sda.resolve("removable"), "0\n");
        link("nvme-eui.0025388b71", "nvme0n1");
        link("nvme-SAMSUNG_MZVL21T0_S676NX0R", "nvme0n1");
        link("nvme-SAMSUNG_MZVL21T0_S676NX0R_1", "nvme0n1");
        link("wwn-0x5000", "sda");

        assertThat(find())
                .containsExactly(
                        new MachineDisk(
                                "nvme0n1",
                                List.of(
                                        "nvme-SAMSUNG_MZVL21T0_S676NX0R",
                                        "nvme-SAMSUNG_MZVL21T0_S676NX0R_1",
                                        "nvme-eui.0025388b71"),
                                1000L << 30,
                                DeviceClass.NVME,
                                false,
                                "SAMSUNG MZVL21T0",
                                List.of()),
                        new MachineDisk("sda", List.of("wwn-0x5000"), 1L << 30, DeviceClass.HDD, true, "", List.of()));
    }

    @Test
    void namesWhatSpeaksAgainstADisk() throws IOException {
        Path parted = disk("pci/a/block/sda", GIB_IN_SECTORS, "0");
        put(parted.resolve("sda1/partition"), "1\n");
        put(parted.resolve("sda2/partition"), "2\n");
        put(disk("pci/b/block/sdb", GIB_IN_SECTORS, "0").resolve("holders/dm-0"), "");
        put(disk("pci/c/block/sdc", GIB_IN_SECTORS, "0").resolve("ro"), "1\n");
        put(disk("pci/d/block/sdd", GIB_IN_SECTORS, "0").resolve("removable"), "1\n");
        disk("platform/host3/session1/target3:0:0/3:0:0:1/block/sde", GIB_IN_SECTORS, "0");
        put(disk("virtual/nvme-fabrics/ctl/nvme1/nvme1n1", GIB_IN_SECTORS, "0").resolve("device/transport"), "tcp\n");
        disk("pci/f/block/vda", GIB_IN_SECTORS, "0");
        put(disk("virtual/block/dm-3", GIB_IN_SECTORS, "0").resolve("dm/uuid"), "LVM-1");
        for (String each : List.of("sda", "sdb", "sdc", "sdd", "sde", "nvme1n1", "dm-3")) {
            link("id-" + each, each);
        }

        assertThat(obstacles("sda")).containsExactly("has partitions: sda1, sda2");
        assertThat(obstacles("sdb")).containsExactly("is a part of dm-0");
        assertThat(obstacles("sdc")).containsExactly("is read-only");
        assertThat(obstacles("sdd")).containsExactly("is removable");
        assertThat(obstacles("sde"))
                .containsExactly("is reached over a network (iSCSI): it may be another machine's tomorrow");
        assertThat(obstacles("nvme1n1"))
                .containsExactly("is reached over a network (NVMe over tcp): it may be another machine's tomorrow");
        assertThat(obstacles("vda")).containsExactly("has no name in /dev/disk/by-id that stays after a restart");
        assertThat(obstacles("dm-3")).containsExactly("is made of other disks");
    }

    @Test
    void passesOverPartitionsEmptyDrivesAndWhatTheKernelMakesForItself() throws IOException {
        put(disk("pci/a/block/sda/sda1", GIB_IN_SECTORS, "0").resolve("partition"), "1\n");
        disk("pci/b/block/sr0", "0", "0");
        disk("virtual/block/loop0", GIB_IN_SECTORS, "0");
        disk("virtual/block/loop1", GIB_IN_SECTORS, "0");
        link("try-1", "loop1");

        assertThat(find()).extracting(MachineDisk::name).containsExactly("loop1");
    }

    @Test
    void doesNotCallADiskByANameThatNeedsQuoting() throws IOException {
        disk("pci/a/block/sda", GIB_IN_SECTORS, "0");
        link("ata-Disk\\x27s_own", "sda");
        link("wwn-0x1", "sda");

        assertThat(find().getFirst().ids()).containsExactly("wwn-0x1");
    }

    @Test
    void findsNothingWhereNothingIsTold() throws IOException {
        assertThat(MachineDisks.find(root.resolve("none"), root.resolve("none")))
                .isEmpty();
    }

    private List<MachineDisk> find() throws IOException {
        return MachineDisks.find(root.resolve("sys"), root.resolve("dev"));
    }

    private List<String> obstacles(String name) throws IOException {
        return find().stream()
                .filter(disk -> disk.name().equals(name))
                .findFirst()
                .orElseThrow()
                .obstacles();
    }

    private Path disk(String path, String sectors, String rotational) throws IOException {
        Path block = root.resolve("sys/devices").resolve(path);
        put(block.resolve("size"), sectors + "\n");
        put(block.resolve("queue/rotational"), rotational + "\n");
        Files.createSymbolicLink(root.resolve("sys/class/block").resolve(block.getFileName()), block);
        return block;
    }

    private void link(String id, String name) throws IOException {
        Path directory = Files.createDirectories(root.resolve("dev/disk/by-id"));
        Files.createSymbolicLink(directory.resolve(id), Path.of("../../" + name));
    }

    private static void put(Path file, String text) throws IOException {
        Files.createDirectories(file.resolveSibling("."));
        Files.writeString(file, text);
    }
}
