package io.varve.cli.config;

import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * Every key that a configuration file may hold: what the reader accepts, and what the documentation must describe. A
 * section of a list is written with {@code []}, so {@code disks[].devices[].path} is the path of one device.
 */
public final class ConfigKeys {
    /** All keys, sections included, in the order of the documentation. */
    public static final List<String> ALL = List.of(
            "cluster",
            "node",
            "zone",
            "dataDir",
            "advertise",
            "network",
            "tls",
            "tls.ca",
            "tls.certificate",
            "tls.key",
            "tls.lifetime",
            "tls.kubernetesAccount",
            "join",
            "join.token",
            "listen",
            "listen.management",
            "listen.peer",
            "listen.raft",
            "listen.nbd",
            "listen.metrics",
            "listen.membership",
            "metadata",
            "metadata.members",
            "metadata.members[].node",
            "metadata.members[].raft",
            "metadata.members[].management",
            "metadata.members[].membership",
            "diskIo",
            "disks",
            "disks[].group",
            "disks[].journal",
            "disks[].devices",
            "disks[].devices[].path",
            "disks[].devices[].class",
            "disks[].devices[].size",
            "disks[].devices[].zeroFill",
            "disks[].devices[].wipe",
            "limits",
            "limits.queueBytes",
            "limits.nbdConnections",
            "limits.stopSeconds",
            "log",
            "log.level",
            "log.file");

    /** A name further away than this is a different word, not a slip of the finger. */
    private static final int LARGEST_SLIP = 3;

    private ConfigKeys() {}

    /** True when the key may stand in a file. */
    static boolean isKnown(String key) {
        return ALL.contains(key);
    }

    /** The known key most like one that is not known; prefers keys of the same section. */
    static Optional<String> nearest(String unknown) {
        return ALL.stream()
                .filter(key -> section(key).equals(section(unknown)))
                .filter(key -> distance(last(key), last(unknown)) <= LARGEST_SLIP)
                .min(Comparator.comparingInt(key -> distance(last(key), last(unknown))))
                .map(ConfigKeys::last)
                .or(() -> ALL.stream() // the right word in the wrong section: say the whole path
                        .filter(key -> last(key).equalsIgnoreCase(last(unknown)))
                        .findFirst());
    }

    private static String section(String key) {
        var dot = key.lastIndexOf('.');
        return dot < 0 ? "" : key.substring(0, dot);
    }

    private static String last(String key) {
        return key.substring(key.lastIndexOf('.') + 1);
    }

    /** Levenshtein's distance: insertions, deletions and replacements of one letter, whatever its case. */
    private static int distance(String a, String b) {
        var left = a.toLowerCase(Locale.ROOT);
        var right = b.toLowerCase(Locale.ROOT);
        var previous = new int[right.length() + 1];
        for (var column = 0; column <= right.length(); column++) {
            previous[column] = column;
        }
        for (var row = 1; row <= left.length(); row++) {
            var current = new int[right.length() + 1];
            current[0] = row;
            for (var column = 1; column <= right.length(); column++) {
                var replaced = previous[column - 1] + (left.charAt(row - 1) == right.charAt(column - 1) ? 0 : 1);
                current[column] = Math.min(replaced, 1 + Math.min(previous[column], current[column - 1]));
            }
            previous = current;
        }
        return previous[right.length()];
    }
}
