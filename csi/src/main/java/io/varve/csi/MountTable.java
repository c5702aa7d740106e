package io.varve.csi;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What is mounted in this mount namespace, as proc(5) writes it in mountinfo. The kernel is asked, never the path: one whose device is gone would
 * hang. Pure but for {@link #now}.
 */
record MountTable(List<Entry> entries) {
    private static final Path SOURCE = Path.of("/proc/self/mountinfo");

    /**
     * One mount.
     *
     * @param root what of the file system is mounted: {@code /} all of it; of a device node, {@code /loop3}
     * @param point where
     * @param options of this mount, {@code ro} or {@code rw} first
     * @param kind of the file system
     * @param source a device, or what else there is
     */
    record Entry(String root, String point, List<String> options, String kind, String source) {
        boolean isReadOnly() {
            return options.contains("ro");
        }

        /** Whether the device is what is seen there: as the file system on it, or as a device node. */
        boolean isOf(String device) {
            return source.equals(device)
                    || (kind.equals("devtmpfs") && ("/dev" + root).equals(device))
                    || (kind.equals("tmpfs") && ("/dev" + root).equals(device));
        }
    }

    MountTable {
        entries = List.copyOf(entries);
    }

    static MountTable now() {
        try {
            return parse(Files.readString(SOURCE, StandardCharsets.UTF_8));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Lines that are not as they should be are left out: the kernel writes none. */
    static MountTable parse(String text) {
        List<Entry> entries = new ArrayList<>();
        for (String line : text.split("\n", -1)) {
            int dash = line.indexOf(" - ");
            String[] before = dash < 0 ? new String[0] : line.substring(0, dash).split(" ", -1);
            String[] behind =
                    dash < 0 ? new String[0] : line.substring(dash + 3).split(" ", -1);
            if (before.length >= 6 && behind.length >= 2) {
                entries.add(new Entry(
                        unescaped(before[3]),
                        unescaped(before[4]),
                        List.of(before[5].split(",", -1)),
                        behind[0],
                        unescaped(behind[1])));
            }
        }
        return new MountTable(entries);
    }

    /** Blanks, tabs, line ends and backslashes stand as three octal digits. */
    private static String unescaped(String text) {
        StringBuilder plain = new StringBuilder();
        for (int i = 0; i < text.length(); i++) {
            if (text.charAt(i) == '\\' && i + 3 < text.length()) {
                plain.append((char) Integer.parseInt(text.substring(i + 1, i + 4), 8));
                i += 3;
            } else {
                plain.append(text.charAt(i));
            }
        }
        return plain.toString();
    }

    /** What is seen at the path: the last that was mounted there. */
    Optional<Entry> at(Path path) {
        return entries.stream()
                .filter(entry -> entry.point.equals(path.toString()))
                .reduce((first, last) -> last);
    }

    /** Where the device can be seen, the device directory excepted. */
    List<String> pointsOf(String device) {
        return entries.stream()
                .filter(entry -> entry.isOf(device) && !entry.point.equals("/dev"))
                .map(Entry::point)
                .toList();
    }
}
