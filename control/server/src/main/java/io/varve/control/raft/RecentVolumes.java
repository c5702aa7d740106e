package io.varve.control.raft;

import io.varve.control.meta.MetaSubject;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * At which index each volume changed last, from the moment when this member loaded its state. When there are too many, those that changed longest ago are
 * forgotten. Not thread-safe: part of {@link Changes}.
 */
final class RecentVolumes {
    /** Some MiB; a node that missed more changes than these gets its whole view. */
    static final int MOST = 65_536;

    private final int most;
    /** The newest change last. */
    private final LinkedHashMap<Long, Long> changedAt = new LinkedHashMap<>();
    /** All changes behind this index are known. */
    private long completeAfter = Long.MAX_VALUE;

    RecentVolumes() {
        this(MOST);
    }

    RecentVolumes(int most) {
        this.most = most;
    }

    void loaded(long index) {
        changedAt.clear();
        completeAfter = index;
    }

    void touched(long index, List<byte[]> keys) {
        for (byte[] key : keys) {
            if (MetaSubject.of(key).orElse(null) instanceof MetaSubject.OfVolume(long id)) {
                changedAt.remove(id);
                changedAt.put(id, index);
            }
        }
        while (changedAt.size() > most) {
            Map.Entry<Long, Long> oldest = changedAt.pollFirstEntry();
            completeAfter = Math.max(completeAfter, oldest.getValue());
        }
    }

    /** Empty: not all that changed behind the index is known. */
    Optional<Set<Long>> changedAfter(long index) {
        if (index < completeAfter) {
            return Optional.empty();
        }
        Set<Long> changed = new HashSet<>();
        for (Map.Entry<Long, Long> each : changedAt.reversed().entrySet()) {
            if (each.getValue() <= index) {
                break;
            }
            changed.add(each.getKey());
        }
        return Optional.of(changed);
    }
}
