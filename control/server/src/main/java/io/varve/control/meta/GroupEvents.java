package io.varve.control.meta;

import io.varve.api.Device;
import io.varve.api.DiskGroup;
import io.varve.model.EventReason;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;

/** What is worth telling of a disk group's report: that it is new, that a disk failed or works again, that space runs out. */
final class GroupEvents {
    /** As the status warns. */
    private static final int LOW_PERCENT = 80;

    /** From here on writes that need new space are refused. */
    private static final int FULL_PERCENT = 90;

    /** Between this and {@link #LOW_PERCENT} nothing is told: a group on the edge must not tell of it all the time. */
    private static final int ENOUGH_PERCENT = 75;

    private static final String FAILED = "FAILED";

    private GroupEvents() {}

    static List<ClusterEvent> of(Optional<DiskGroup> known, DiskGroup now) {
        List<ClusterEvent> events = new ArrayList<>();
        if (known.isEmpty()) {
            events.add(event(EventReason.GROUP_ADDED, now, "is there with " + now.getDevicesCount() + " disks"));
        }
        var before = new TreeSet<>(failed(known.orElse(DiskGroup.getDefaultInstance())));
        var failed = new TreeSet<>(failed(now));
        if (!before.containsAll(failed)) {
            failed.removeAll(before);
            events.add(event(EventReason.DISK_FAILED, now, "failed: " + String.join(", ", failed) + why(now)));
        } else if (!failed.containsAll(before)) {
            before.removeAll(failed);
            events.add(event(EventReason.DISK_WELL, now, "works again: " + String.join(", ", before)));
        }
        // A failed group tells no free space: that is not what fills up.
        if (failed(now).isEmpty() && before.isEmpty()) {
            space(known.orElse(now), now).ifPresent(events::add);
        }
        return events;
    }

    private static String why(DiskGroup group) {
        return group.getDevicesList().stream()
                .map(Device::getDetail)
                .filter(detail -> !detail.isEmpty())
                .findFirst()
                .map(detail -> ": " + detail)
                .orElse("");
    }

    private static List<String> failed(DiskGroup group) {
        return group.getDevicesList().stream()
                .filter(device -> device.getState().equals(FAILED))
                .map(Device::getPath)
                .toList();
    }

    private static Optional<ClusterEvent> space(DiskGroup before, DiskGroup now) {
        int was = percent(before);
        int is = percent(now);
        int kept = share(now, now.getGuaranteedBytes());
        String full = "is " + is + " % full" + (kept == 0 ? "" : ", " + kept + " % kept for thick volumes");
        if (was < FULL_PERCENT && is >= FULL_PERCENT) {
            return Optional.of(event(EventReason.SPACE_FULL, now, full));
        }
        if (was < LOW_PERCENT && is >= LOW_PERCENT) {
            return Optional.of(event(EventReason.SPACE_LOW, now, full));
        }
        return was >= ENOUGH_PERCENT && is < ENOUGH_PERCENT
                ? Optional.of(event(EventReason.SPACE_AGAIN, now, full))
                : Optional.empty();
    }

    private static int percent(DiskGroup group) {
        return share(group, Math.max(0, group.getCapacityBytes() - group.getFreeBytes()));
    }

    /** Per cent of the group. */
    private static int share(DiskGroup group, long bytes) {
        long capacity = group.getCapacityBytes();
        return capacity <= 0 ? 0 : (int) (100.0 * bytes / capacity);
    }

    private static ClusterEvent event(EventReason reason, DiskGroup group, String whatHappened) {
        String name = group.getName().isEmpty() ? group.getUuid() : group.getName();
        return new ClusterEvent(reason, "", group.getNode(), "disk group " + name + " " + whatHappened);
    }
}
