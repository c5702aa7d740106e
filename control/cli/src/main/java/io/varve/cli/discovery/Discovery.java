package io.varve.cli.discovery;

import io.varve.cli.config.ConfigFile;
import io.varve.cli.discovery.TakenDisks.Entry;
import io.varve.cli.output.Text;
import io.varve.dataplane.disk.MachineDisk;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Function;

/** What is to become of each disk. Pure, but for the look at those that are wanted. */
record Discovery(List<Finding> findings) {
    private static final int LONGEST_GROUP_NAME = 63;

    /** Of the hash that stands for what was cut off, and its hyphen. */
    private static final int HASH_LETTERS = 9;

    Discovery {
        findings = List.copyOf(findings);
    }

    /**
     * One disk.
     *
     * @param disk empty: it was taken before and is not there
     */
    record Finding(Optional<MachineDisk> disk, Verdict verdict) {}

    /** What becomes of it. */
    sealed interface Verdict {
        /** It becomes a disk group. */
        record New(Entry entry) implements Verdict {}

        /** It is one, or is no longer to be used, as the entry says. */
        record Known(Entry entry) implements Verdict {}

        /** {@code why}: for the sentence "it …". */
        record Left(String why) implements Verdict {}
    }

    /**
     * Judges.
     *
     * @param look why the disk cannot be taken by what lies on it, for the sentence "it …"; asked only for disks with nothing else against them
     */
    static Discovery of(
            List<MachineDisk> disks,
            List<Entry> taken,
            DiskSelector selector,
            String journal,
            Function<MachineDisk, Optional<String>> look) {
        List<Finding> findings = new ArrayList<>();
        for (Entry entry : taken) {
            var disk = disks.stream()
                    .filter(each -> each.ids().contains(entry.id()))
                    .findFirst();
            var ids = disk.map(MachineDisk::ids).orElse(List.of(entry.id()));
            var isUsed = selector.excluding(ids).isEmpty();
            findings.add(new Finding(disk, new Verdict.Known(entry.used(isUsed))));
        }
        for (MachineDisk disk : disks) {
            if (findings.stream().noneMatch(finding -> finding.disk.equals(Optional.of(disk)))) {
                var why = selector.objection(disk)
                        .or(() -> disk.obstacles().stream().findFirst())
                        .or(() -> tooSmall(disk))
                        .or(() -> look.apply(disk));
                var verdict =
                        why.<Verdict>map(Verdict.Left::new).orElseGet(() -> new Verdict.New(entry(disk, journal)));
                findings.add(new Finding(Optional.of(disk), verdict));
            }
        }
        return new Discovery(findings);
    }

    private static Optional<String> tooSmall(MachineDisk disk) {
        try {
            ConfigFile.deviceSize(disk.sizeBytes() + "B");
            return Optional.empty();
        } catch (IllegalArgumentException e) {
            return Optional.of("is too small: " + e.getMessage());
        }
    }

    private static Entry entry(MachineDisk disk, String journal) {
        var id = disk.ids().getFirst();
        return new Entry(groupName(id), journal, id, disk.deviceClass(), true);
    }

    /** A name as a configuration takes it, the same for the same disk. */
    static String groupName(String id) {
        var name = id.replaceAll("[^A-Za-z0-9_.-]", "-");
        return name.length() <= LONGEST_GROUP_NAME
                ? name
                : name.substring(0, LONGEST_GROUP_NAME - HASH_LETTERS)
                        + String.format(Locale.ROOT, "-%08x", id.hashCode());
    }

    /** The node's disks from now on. */
    List<Entry> taken() {
        List<Entry> taken = new ArrayList<>();
        for (Finding finding : findings) {
            switch (finding.verdict) {
                case Verdict.New(var entry) -> taken.add(entry);
                case Verdict.Known(var entry) -> taken.add(entry);
                case Verdict.Left left -> {}
            }
        }
        return taken;
    }

    /** For people, one line for each. */
    List<String> lines() {
        return findings.stream()
                .map(finding -> name(finding) + ": " + words(finding))
                .toList();
    }

    private static String name(Finding finding) {
        return switch (finding.verdict) {
            case Verdict.New(var entry) -> described(finding, entry.id());
            case Verdict.Known(var entry) -> described(finding, entry.id());
            case Verdict.Left left ->
                described(
                        finding,
                        finding.disk.map(MachineDisk::ids).orElse(List.of()).stream()
                                .findFirst()
                                .orElse(""));
        };
    }

    private static String described(Finding finding, String id) {
        return finding.disk
                .map(disk -> disk.name() + (id.isEmpty() ? "" : ", " + id) + ", " + Text.size(disk.sizeBytes()) + " "
                        + disk.deviceClass().name().toLowerCase(Locale.ROOT))
                .orElse(id);
    }

    private static String words(Finding finding) {
        return switch (finding.verdict) {
            case Verdict.New(var entry) -> "new: becomes disk group " + entry.group();
            case Verdict.Known(var entry) ->
                (finding.disk.isPresent() ? "" : "missing: ")
                        + (entry.isUsed()
                                ? "is disk group " + entry.group()
                                : "excluded: was disk group " + entry.group() + ", and is left out");
            case Verdict.Left(var why) -> "left alone: it " + why;
        };
    }
}
