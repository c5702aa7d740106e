package io.varve.cli.discovery;

import io.varve.cli.output.Text;
import io.varve.dataplane.disk.MachineDisk;
import java.util.List;
import java.util.Optional;

/**
 * Which disks are wanted.
 *
 * @param byId one of a disk's names has to match one of these; empty: any name
 * @param include names that are wanted although size, kind or {@code byId} say otherwise
 * @param exclude names that are not wanted, whatever else is said, and are left out of the configuration when they were taken before
 */
record DiskSelector(
        List<NameGlob> byId,
        long minimumBytes,
        long maximumBytes,
        Optional<Boolean> rotational,
        List<NameGlob> include,
        List<NameGlob> exclude) {
    DiskSelector {
        byId = List.copyOf(byId);
        include = List.copyOf(include);
        exclude = List.copyOf(exclude);
    }

    /** Which of {@code exclude} hits one of the names. */
    Optional<NameGlob> excluding(List<String> ids) {
        return hit(exclude, ids);
    }

    /** Why the disk is not wanted, for the sentence "it …"; empty: it is. */
    Optional<String> objection(MachineDisk disk) {
        var excluding = excluding(disk.ids());
        if (excluding.isPresent()) {
            return Optional.of("is excluded by " + excluding.get());
        }
        if (hit(include, disk.ids()).isPresent()) {
            return Optional.empty();
        }
        if (!byId.isEmpty() && hit(byId, disk.ids()).isEmpty()) {
            return Optional.of("has no name that was asked for");
        }
        if (rotational.isPresent() && rotational.get() != disk.rotational()) {
            return Optional.of(disk.rotational() ? "is rotational" : "is not rotational");
        }
        if (disk.sizeBytes() < minimumBytes) {
            return Optional.of("is smaller than " + Text.size(minimumBytes));
        }
        if (disk.sizeBytes() > maximumBytes) {
            return Optional.of("is larger than " + Text.size(maximumBytes));
        }
        return Optional.empty();
    }

    private static Optional<NameGlob> hit(List<NameGlob> globs, List<String> ids) {
        return globs.stream()
                .filter(glob -> ids.stream().anyMatch(glob::matches))
                .findFirst();
    }
}
