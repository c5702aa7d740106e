package io.varve.cli.discovery;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.varve.cli.discovery.TakenDisks.Entry;
import io.varve.dataplane.disk.DeviceClass;
import io.varve.dataplane.disk.MachineDisk;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

final class DiscoveryTest {
    private static final long GIB = 1L << 30;
    private static final DiskSelector ANY =
            new DiskSelector(globs("*"), 0, Long.MAX_VALUE, Optional.empty(), List.of(), List.of());

    private static final MachineDisk FLASH = disk("nvme0n1", 100 * GIB, DeviceClass.NVME, "nvme-A_1", "nvme-eui.1");
    private static final MachineDisk HARD = disk("sda", 4000 * GIB, DeviceClass.HDD, "ata-B_2", "wwn-0x2");

    @Test
    void takesWhatIsBlankAsADiskGroupOfItsOwn() {
        var found = judge(List.of(FLASH, HARD), List.of(), ANY);
        assertThat(found.lines())
                .containsExactly(
                        "nvme0n1, nvme-A_1, 100GiB nvme: new: becomes disk group nvme-A_1",
                        "sda, ata-B_2, 3.9TiB hdd: new: becomes disk group ata-B_2");
        assertThat(found.taken())
                .containsExactly(
                        new Entry("nvme-A_1", "2GiB", "nvme-A_1", DeviceClass.NVME, true),
                        new Entry("ata-B_2", "2GiB", "ata-B_2", DeviceClass.HDD, true));
    }

    @Test
    void saysWhyADiskIsLeftAlone() {
        assertThat(why(FLASH, with(globs("ata-*"), 0, Long.MAX_VALUE, Optional.empty())))
                .isEqualTo("has no name that was asked for");
        assertThat(why(FLASH, with(globs("*"), 200 * GIB, Long.MAX_VALUE, Optional.empty())))
                .isEqualTo("is smaller than 200GiB");
        assertThat(why(HARD, with(globs("*"), 0, 200 * GIB, Optional.empty()))).isEqualTo("is larger than 200GiB");
        assertThat(why(HARD, with(globs("*"), 0, Long.MAX_VALUE, Optional.of(false))))
                .isEqualTo("is rotational");
        assertThat(why(FLASH, with(globs("*"), 0, Long.MAX_VALUE, Optional.of(true))))
                .isEqualTo("is not rotational");
        assertThat(why(disk("sdb", 100L << 20, DeviceClass.SSD, "ata-C"), ANY)).startsWith("is too small: ");
        var parted = new MachineDisk(
                "sdc", List.of("ata-D"), GIB, DeviceClass.SSD, false, "", List.of("has partitions: sdc1"));
        assertThat(why(parted, ANY)).isEqualTo("has partitions: sdc1");
    }

    /** What lies on it was looked at, and nothing else needs to be. */
    @Test
    void looksOnlyAtDisksWithNothingElseAgainstThem() {
        List<String> looked = new ArrayList<>();
        var found = Discovery.of(
                List.of(FLASH, HARD),
                List.of(),
                with(globs("nvme-eui.*"), 0, Long.MAX_VALUE, Optional.empty()),
                "",
                disk -> {
                    looked.add(disk.name());
                    return Optional.of("holds an ext4 file system named \"precious\"");
                });
        assertThat(looked).containsExactly("nvme0n1");
        assertThat(found.lines().getFirst())
                .isEqualTo(
                        "nvme0n1, nvme-A_1, 100GiB nvme: left alone: it holds an ext4 file system named \"precious\"");
        assertThat(found.taken()).isEmpty();
    }

    @Test
    void includesADiskThatTheRestDoesNotAskForButNeverOneThatHoldsSomething() {
        var selector =
                new DiskSelector(globs("ata-*"), 0, Long.MAX_VALUE, Optional.empty(), globs("nvme-A_*"), List.of());
        assertThat(judge(List.of(FLASH), List.of(), selector).taken()).hasSize(1);
        assertThat(Discovery.of(List.of(FLASH), List.of(), selector, "", disk -> Optional.of("holds swap space"))
                        .taken())
                .isEmpty();
    }

    @Test
    void excludesBeforeEverythingElse() {
        var selector =
                new DiskSelector(globs("*"), 0, Long.MAX_VALUE, Optional.empty(), globs("nvme-*"), globs("nvme-eui.1"));
        assertThat(why(FLASH, selector)).isEqualTo("is excluded by nvme-eui.1");
    }

    @Test
    void keepsWhatWasTakenWhateverTheSelectorSaysNow() {
        var before = judge(List.of(FLASH), List.of(), ANY).taken();
        var found = judge(List.of(FLASH, HARD), before, with(globs("ata-*"), 0, Long.MAX_VALUE, Optional.empty()));
        assertThat(found.lines().getFirst()).endsWith(": is disk group nvme-A_1");
        assertThat(found.taken()).extracting(Entry::group).containsExactly("nvme-A_1", "ata-B_2");
        // Under another name that it also has: still the same disk.
        var renamed = disk("nvme7n1", 100 * GIB, DeviceClass.NVME, "nvme-A", "nvme-A_1");
        assertThat(judge(List.of(renamed), before, ANY).taken()).isEqualTo(before);
    }

    @Test
    void keepsAMissingDiskSoThatTheNodeSaysThatItIsMissing() {
        var before = judge(List.of(FLASH), List.of(), ANY).taken();
        var found = judge(List.of(), before, ANY);
        assertThat(found.lines()).containsExactly("nvme-A_1: missing: is disk group nvme-A_1");
        assertThat(found.taken()).isEqualTo(before);
    }

    @Test
    void leavesATakenDiskOutWhenItIsExcludedAndTakesItBack() {
        var before = judge(List.of(FLASH), List.of(), ANY).taken();
        var excluding =
                new DiskSelector(globs("*"), 0, Long.MAX_VALUE, Optional.empty(), List.of(), globs("nvme-eui.*"));
        var found = judge(List.of(FLASH), before, excluding);
        assertThat(found.lines().getFirst()).endsWith(": excluded: was disk group nvme-A_1, and is left out");
        assertThat(found.taken()).containsExactly(before.getFirst().used(false));
        assertThat(judge(List.of(FLASH), found.taken(), ANY).taken()).isEqualTo(before);
    }

    @Test
    void namesGroupsAsAConfigurationTakesThem() {
        assertThat(Discovery.groupName("scsi-0:0:1,x+y")).isEqualTo("scsi-0-0-1-x-y");
        var lengthy = "nvme-" + "A".repeat(80);
        assertThat(Discovery.groupName(lengthy)).hasSize(63).isNotEqualTo(Discovery.groupName(lengthy + "B"));
    }

    @Test
    void refusesPatternsThatAreNone() {
        assertThatThrownBy(() -> NameGlob.parse("/dev/sda")).hasMessageContaining("give the name alone");
        assertThatThrownBy(() -> NameGlob.parse("[a-")).hasMessageContaining("is no pattern");
    }

    private static Discovery judge(List<MachineDisk> disks, List<Entry> taken, DiskSelector selector) {
        return Discovery.of(disks, taken, selector, "2GiB", disk -> Optional.empty());
    }

    private static String why(MachineDisk disk, DiskSelector selector) {
        var verdict =
                judge(List.of(disk), List.of(), selector).findings().getFirst().verdict();
        return ((Discovery.Verdict.Left) verdict).why();
    }

    private static DiskSelector with(List<NameGlob> byId, long minimum, long maximum, Optional<Boolean> rotational) {
        return new DiskSelector(byId, minimum, maximum, rotational, List.of(), List.of());
    }

    private static MachineDisk disk(String name, long bytes, DeviceClass deviceClass, String... ids) {
        return new MachineDisk(name, List.of(ids), bytes, deviceClass, deviceClass == DeviceClass.HDD, "", List.of());
    }

    private static List<NameGlob> globs(String... texts) {
        return List.of(texts).stream().map(NameGlob::parse).toList();
    }
}
