package io.varve.control.meta;

import io.varve.api.DiskGroup;
import java.util.Collection;
import java.util.List;

/** How lines of the log name what a command changed. */
final class LogNames {
    private LogNames() {}

    /** A disk group as people know it. */
    static String group(MetaState state, String uuid) {
        return state.group(uuid).map(LogNames::group).orElse(uuid);
    }

    private static String group(DiskGroup group) {
        return group.getNode() + "/" + (group.getName().isEmpty() ? group.getUuid() : group.getName());
    }

    /** As short as can be: a node that is lost takes a copy of every slab of a volume with it. */
    static String ranges(Collection<Integer> slabs) {
        StringBuilder text = new StringBuilder();
        List<Integer> sorted = slabs.stream().sorted().toList();
        for (int i = 0; i < sorted.size(); i++) {
            int first = sorted.get(i);
            int last = first;
            while (i + 1 < sorted.size() && sorted.get(i + 1) == last + 1) {
                last = sorted.get(++i);
            }
            text.append(text.isEmpty() ? "" : ",").append(first).append(last > first ? "-" + last : "");
        }
        return text.toString();
    }
}
