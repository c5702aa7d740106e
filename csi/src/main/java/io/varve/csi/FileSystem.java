package io.varve.csi;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;

/** The file systems that are made on volumes, and what their tools are called with. Pure. */
enum FileSystem {
    EXT4("-F -q -m0") {
        @Override
        List<String> grow(String device, String mountpoint) {
            return List.of("resize2fs", device);
        }

        // 1: put right; 0: nothing was wrong. What it cannot put right by itself is for a person.
        @Override
        Optional<Check> check(String device) {
            return Optional.of(new Check(List.of("e2fsck", "-p", device), 1));
        }
    },
    XFS("-f -q") {
        @Override
        List<String> grow(String device, String mountpoint) {
            return List.of("xfs_growfs", mountpoint);
        }

        // A copy of a volume has the same UUID, and may be mounted beside it.
        @Override
        List<String> mountOptions() {
            return List.of("nouuid");
        }
    },
    BTRFS("-f -q") {
        @Override
        List<String> grow(String device, String mountpoint) {
            return List.of("btrfs", "filesystem", "resize", "max", mountpoint);
        }
    };

    static final FileSystem DEFAULT = EXT4;

    /** Before a mount. {@code worstExit}: the highest exit code that is not a failure. */
    record Check(List<String> command, int worstExit) {}

    private final String makeOptions;

    FileSystem(String makeOptions) {
        this.makeOptions = makeOptions;
    }

    String kind() {
        return name().toLowerCase(Locale.ROOT);
    }

    static Optional<FileSystem> of(String kind) {
        return Arrays.stream(values()).filter(each -> each.kind().equals(kind)).findFirst();
    }

    static String names() {
        return Arrays.stream(values()).map(FileSystem::kind).collect(Collectors.joining(", "));
    }

    /** Makes it anew, whatever is there: only for what is known to be empty. */
    List<String> make(String device, List<String> further) {
        List<String> command = new ArrayList<>(List.of("mkfs." + kind()));
        command.addAll(List.of(makeOptions.split(" ", -1)));
        command.addAll(further);
        command.add(device);
        return List.copyOf(command);
    }

    /** Takes all of the device, while it is mounted. */
    abstract List<String> grow(String device, String mountpoint);

    /** What is done before it is mounted; empty: its mount replays its log, and that is all there is to do. */
    Optional<Check> check(String device) {
        return Optional.empty();
    }

    List<String> mountOptions() {
        return List.of();
    }
}
