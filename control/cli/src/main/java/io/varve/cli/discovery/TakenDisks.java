package io.varve.cli.discovery;

import io.varve.dataplane.agent.DurableFile;
import io.varve.dataplane.disk.DeviceClass;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The disks that a node was given, in the order in which it got them: the list {@code disks} of its configuration. One that is missing stays in it, so that the
 * node says that it is missing; one that is left out is a comment.
 */
final class TakenDisks {
    private static final String HEADING =
            "# Disks of this node, by 'varve disk discover'. A disk that has left for good: delete its line.\n";
    private static final String BY_ID = "/dev/disk/by-id/";
    private static final Pattern LINE =
            Pattern.compile("(#)?- \\{group: ([A-Za-z0-9_.-]+),(?: journal: ([0-9]+[MGT]iB),)? devices: \\[\\{path: '"
                    + BY_ID + "([^'/]+)', class: (nvme|ssd|hdd)\\}\\]\\}");

    private TakenDisks() {}

    /**
     * One of them, a disk group of its own.
     *
     * @param id its name in {@code /dev/disk/by-id}
     * @param journal as in the configuration; empty: by the disk's size
     * @param isUsed false: it is left out of the configuration
     */
    record Entry(String group, String journal, String id, DeviceClass deviceClass, boolean isUsed) {
        Entry used(boolean used) {
            return new Entry(group, journal, id, deviceClass, used);
        }

        private String line() {
            return (isUsed ? "" : "#") + "- {group: " + group + (journal.isEmpty() ? "" : ", journal: " + journal)
                    + ", devices: [{path: '" + BY_ID + id + "', class: "
                    + deviceClass.name().toLowerCase(Locale.ROOT) + "}]}\n";
        }
    }

    static Path path(String id) {
        return Path.of(BY_ID, id);
    }

    /**
     * Reads the file; none where it is not there.
     *
     * @throws IOException also when a line cannot be understood: a disk that is forgotten is a copy that is lost
     */
    static List<Entry> load(Path file) throws IOException {
        List<String> lines;
        try {
            lines = Files.readAllLines(file);
        } catch (NoSuchFileException none) {
            return List.of();
        }
        List<Entry> entries = new ArrayList<>();
        for (var number = 1; number <= lines.size(); number++) {
            var line = lines.get(number - 1);
            Matcher found = LINE.matcher(line);
            if (found.matches()) {
                entries.add(new Entry(
                        found.group(2),
                        found.group(3) == null ? "" : found.group(3),
                        found.group(4),
                        DeviceClass.valueOf(found.group(5).toUpperCase(Locale.ROOT)),
                        found.group(1) == null));
            } else if (!line.isBlank() && !line.startsWith("# ")) {
                throw new IOException(file + ", line " + number + ": not a disk as this command writes it: " + line);
            }
        }
        return entries;
    }

    /** Old or new, whenever the power fails; durable when it returns. */
    static void store(Path file, List<Entry> entries) throws IOException {
        var text = new StringBuilder(HEADING);
        entries.forEach(entry -> text.append(entry.line()));
        var whole = file.toAbsolutePath();
        DurableFile.write(whole.resolveSibling("."), String.valueOf(whole.getFileName()), text.toString());
    }
}
