package io.varve.dataplane.disk;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.varve.dataplane.time.SimulatedLoop;
import io.varve.dataplane.time.SimulatedScheduler;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class DeviceSignatureTest {
    private static final long MIB = 1 << 20;

    @TempDir
    Path directory;

    /** The real tools, on a file; those that are not installed are skipped and said so. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "mkfs.ext2 -q -F FILE              | 16  | an ext2 file system",
                "mkfs.ext3 -q -F FILE              | 16  | an ext3 file system",
                "mkfs.ext4 -q -F -L precious FILE  | 16  | an ext4 file system named \"precious\"",
                "mkfs.xfs -q -f FILE               | 512 | an XFS file system",
                "mkfs.btrfs -q -f FILE             | 256 | a Btrfs file system",
                "mkfs.fat FILE                     | 64  | a FAT file system",
                "mkfs.ntfs -q -F FILE              | 64  | an NTFS file system",
                "mkswap -q FILE                    | 16  | swap space",
                "sgdisk -n1:0:0 FILE               | 64  | a GPT partition table, the backup of a GPT partition table",
                "parted -s FILE mklabel msdos mkpart primary 1MiB 10MiB | 64 | an MBR partition table",
                "cryptsetup luksFormat -q --type luks1 --pbkdf-force-iterations 1000 FILE KEY | 64 | a LUKS encrypted volume",
                "cryptsetup luksFormat -q --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 FILE KEY | 64 | a LUKS encrypted volume, a LUKS encrypted volume (second header)",
                "mkfs.minix FILE                   | 16  | data that is not recognised",
            })
    void namesWhatRealToolsMake(String command, long mebibytes, String expected) throws Exception {
        Path file = directory.resolve("device");
        Path key = directory.resolve("key");
        Files.writeString(key, "a passphrase");
        try (RandomAccessFile device = new RandomAccessFile(file.toFile(), "rw")) {
            device.setLength(mebibytes * MIB);
        }
        List<String> words = new ArrayList<>(List.of(command.replace("FILE", file.toString())
                .replace("KEY", key.toString())
                .split("\\s+", -1)));
        String tool = path(words.getFirst());
        Assumptions.assumeFalse(tool.isEmpty(), words.getFirst() + " is not installed");
        words.set(0, tool);
        Process process = new ProcessBuilder(words)
                .redirectErrorStream(true)
                .redirectOutput(directory.resolve("output").toFile())
                .start();
        assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
        assertThat(process.exitValue())
                .as("%s: %s", command, Files.readString(directory.resolve("output")))
                .isZero();
        assertThat(signature(file).describe()).isEqualTo(expected);
        assertThat(signature(file).isBlank()).isFalse();
    }

    private static String path(String tool) {
        for (String bin : List.of("/usr/sbin/", "/sbin/", "/usr/bin/", "/bin/")) {
            if (Files.isExecutable(Path.of(bin + tool))) {
                return bin + tool;
            }
        }
        return "";
    }

    /** Formats whose tools need more than a file, from their documentation. Offset, bytes, name. */
    @ParameterizedTest
    @CsvSource({
        "512,     4c4142454c4f4e45 0100000000000000 0000000020000000 4c564d32 20303031, an LVM physical volume",
        "1536,    4c4142454c4f4e45 0300000000000000 0000000020000000 4c564d32 20303031, an LVM physical volume",
        "0,       626c756573746f726520626c6f636b20646576696365, a Ceph BlueStore OSD",
        "4120,    c68573f64e1a45ca8265f57f48ba6d81, a bcache device",
        "4120,    c68573f666ce90a9d96a60cf803df7ef, a bcachefs file system",
        "131072,  0cb1ba0000000000, a member of a ZFS pool",
        "135168,  0000000000bab10c, a member of a ZFS pool",
        "4096,    fc4e2ba9, a member of a Linux RAID",
        "0,       fc4e2ba9, a member of a Linux RAID",
        "67043328, fc4e2ba9, a member of a Linux RAID",
        "67100672, fc4e2ba9, a member of a Linux RAID",
        "66977792, 0cb1ba0000000000, a member of a ZFS pool",
        "3,       4e54465320202020, an NTFS file system",
        "3,       4558464154202020, an exFAT file system",
        "4086,    53314453555350454e44, data that is not recognised",
        "4086,    533153555350454e44, a hibernated system's swap space",
        "510,     55aa, a boot sector",
        "67108352, 4546492050415254, the backup of a GPT partition table",
    })
    void namesWhatTheirDocumentationSays(long offset, String hex, String expected) {
        SimulatedMedium medium = new SimulatedMedium(64 * MIB);
        medium.put(offset, HexFormat.of().parseHex(hex.replace(" ", "")));
        assertThat(look(medium).describe()).isEqualTo(expected);
    }

    @Test
    void takesZerosForBlank() {
        assertThat(look(new SimulatedMedium(64 * MIB)).isBlank()).isTrue();
        // Smaller than both ends together.
        assertThat(look(new SimulatedMedium(MIB + 4096)).isBlank()).isTrue();
        assertThat(look(new SimulatedMedium(4096)).isBlank()).isTrue();
    }

    @Test
    void takesNoDataForBlankThatItDoesNotKnow() {
        SimulatedMedium medium = new SimulatedMedium(64 * MIB);
        medium.put(64 * MIB - 7, new byte[] {1});
        assertThat(look(medium).isBlank()).isFalse();
        assertThat(look(medium).describe()).isEqualTo("data that is not recognised");
    }

    @Test
    void asksTheStoreForItsOwnMark() {
        SimulatedMedium medium = new SimulatedMedium(64 * MIB);
        medium.put(0, "OURS".getBytes(StandardCharsets.US_ASCII));
        DeviceSignature signature = look(medium);
        assertThat(signature.isOwn()).isTrue();
        assertThat(signature.isBlank()).isFalse();
        assertThat(signature.foreign()).isEmpty();
        assertThat(signature.describe()).isEqualTo("a Varve superblock");
    }

    @Test
    void reportsADeviceThatCannotBeRead() {
        SimulatedScheduler scheduler = new SimulatedScheduler(1);
        SimulatedLoop loop = scheduler.newLoop("disk");
        SimulatedDisk disk = new SimulatedDisk(loop, "d", new SimulatedMedium(64 * MIB), scheduler.newRandom(), 4);
        disk.faults().fail(DiskFaults.Target.READ, 64 * MIB - 4096, 4096, Errno.EIO);
        List<DeviceSignature.Outcome> outcomes = new ArrayList<>();
        loop.execute(() -> DeviceSignature.look(disk, DeviceSignatureTest::isOurs, outcomes::add));
        scheduler.runUntilIdle();
        assertThat(outcomes).containsExactly(new DeviceSignature.Outcome.Unreadable(Errno.EIO));
    }

    @Test
    void erasesBothEndsForGood() {
        SimulatedScheduler scheduler = new SimulatedScheduler(2);
        SimulatedLoop loop = scheduler.newLoop("disk");
        SimulatedMedium medium = new SimulatedMedium(64 * MIB);
        SplittableRandom random = new SplittableRandom(3);
        byte[] noise = new byte[(int) MIB];
        random.nextBytes(noise);
        medium.put(0, noise);
        medium.put(63 * MIB, noise);
        SimulatedDisk disk = new SimulatedDisk(loop, "d", medium, scheduler.newRandom(), 4);
        List<Integer> results = new ArrayList<>();
        loop.execute(() -> DeviceSignature.erase(disk, results::add));
        scheduler.runUntilIdle();
        assertThat(results).containsExactly(0);
        assertThat(look(disk.powerCut()).isBlank()).isTrue();
    }

    /** Random bytes are somebody's data: never blank, never an exception. */
    @Test
    void survivesAnyBytes() {
        SplittableRandom random = new SplittableRandom(4);
        for (int i = 0; i < 200; i++) {
            byte[] bytes = new byte[4096 + random.nextInt(300_000)];
            random.nextBytes(bytes);
            ByteBuf ends = Unpooled.wrappedBuffer(bytes);
            DeviceSignature signature = DeviceSignature.of(
                    ends, ends, bytes.length + random.nextLong(1L << 40), DeviceSignatureTest::isOurs);
            assertThat(signature.isBlank()).isFalse();
        }
    }

    private static DeviceSignature signature(Path file) throws IOException {
        try (RandomAccessFile device = new RandomAccessFile(file.toFile(), "r")) {
            byte[] head = new byte[(int) MIB];
            byte[] tail = new byte[(int) MIB];
            device.readFully(head);
            device.seek(device.length() - MIB);
            device.readFully(tail);
            return DeviceSignature.of(
                    Unpooled.wrappedBuffer(head),
                    Unpooled.wrappedBuffer(tail),
                    device.length(),
                    DeviceSignatureTest::isOurs);
        }
    }

    private static DeviceSignature look(SimulatedMedium medium) {
        SimulatedScheduler scheduler = new SimulatedScheduler(5);
        SimulatedLoop loop = scheduler.newLoop("disk");
        SimulatedDisk disk = new SimulatedDisk(loop, "d", medium, scheduler.newRandom(), 4);
        List<DeviceSignature> seen = new ArrayList<>();
        loop.execute(() -> DeviceSignature.look(
                disk,
                DeviceSignatureTest::isOurs,
                outcome -> seen.add(((DeviceSignature.Outcome.Seen) outcome).signature())));
        scheduler.runUntilIdle();
        return seen.getFirst();
    }

    private static boolean isOurs(ByteBuf firstBytes) {
        return firstBytes.getInt(0) == 0x4f555253;
    }
}
