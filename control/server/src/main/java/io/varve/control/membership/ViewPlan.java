package io.varve.control.membership;

import io.varve.api.DiskGroup;
import io.varve.api.Volume;
import io.varve.api.membership.ViewHeadRecord;
import io.varve.api.membership.ViewRecord;
import io.varve.control.health.CopiesInSync;
import io.varve.control.meta.MetaState;
import io.varve.control.meta.MetaSubject;
import io.varve.control.meta.MetaSubject.OfGroup;
import io.varve.control.meta.MetaSubject.OfNode;
import io.varve.control.meta.MetaSubject.OfVolume;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * What the placement view should hold, as the one who writes it works it out of the truth. Pure; keeps which places it has filled and how large
 * they are. Confined to its writer's thread.
 */
final class ViewPlan {
    /** Under which the head stands. */
    static final String HEAD = "head";

    /** A volume of 8 TiB with its slabs. A larger one is asked for at the metadata group. */
    static final int MAX_ENTRY_BYTES = 256 << 10;

    /** Of all entries together: what 1 PB needs. Volumes beyond it are asked for at the metadata group. */
    static final long MAX_BYTES = 32L << 20;

    /** What the map bears on each member, before it drops some. */
    static final int MAX_ENTRIES = 131_072;

    private final Map<String, Integer> bytes = new HashMap<>();
    private final Map<Long, String> volumeNames = new HashMap<>();
    private long allBytes;

    /** One entry to be written. */
    record Write(String place, ViewRecord record) {
        /** Tells that a volume is not there any more, for as long as an older writer might still bring it back. */
        boolean isGone() {
            return record.getGone();
        }
    }

    /** Only whoever leads the metadata group writes: one writer, and it is the first to know. */
    static boolean mayWrite(String self, Optional<String> leader) {
        return leader.isPresent() && leader.get().equals(self);
    }

    /** Whether what this writer wrote still stands there, whole. */
    static boolean isWhole(Optional<ViewHeadRecord> head, String session, long entriesThere) {
        return head.isPresent()
                && head.get().getSession().equals(session)
                && entriesThere > head.get().getEntries();
    }

    static String placeOfNode(String id) {
        return "n/" + id;
    }

    static String placeOfGroup(String uuid) {
        return "g/" + uuid;
    }

    static String placeOfVolume(String name) {
        return "v/" + name;
    }

    /** Everything there is, to be written bit by bit. Begins anew. */
    List<MetaSubject> subjects(MetaState state) {
        bytes.clear();
        volumeNames.clear();
        allBytes = 0;
        List<MetaSubject> all = new ArrayList<>();
        state.nodes().forEach(node -> all.add(new OfNode(node.getId())));
        state.groups().forEach(group -> all.add(new OfGroup(group.getUuid())));
        state.volumes().forEach(volume -> all.add(new OfVolume(volume.getId())));
        return all;
    }

    /** The entries of these subjects as they stand in the truth now. */
    List<Write> writes(MetaState state, Collection<MetaSubject> subjects) {
        long index = Math.max(0, state.applied().index());
        List<Write> writes = new ArrayList<>();
        for (MetaSubject subject : subjects) {
            switch (subject) {
                case OfNode(String id) ->
                    entry(placeOfNode(id), index, state.node(id).map(recordAt(index)::setNode))
                            .ifPresent(writes::add);
                case OfGroup(String uuid) ->
                    entry(placeOfGroup(uuid), index, state.group(uuid).map(recordAt(index)::setGroup))
                            .ifPresent(writes::add);
                case OfVolume(long id) -> volume(state, index, id).ifPresent(writes::add);
            }
        }
        return writes;
    }

    private Optional<Write> volume(MetaState state, long index, long id) {
        Optional<Volume> found = state.volume(id);
        if (found.isEmpty()) {
            String name = volumeNames.remove(id);
            // Another volume may have taken the name.
            return name == null || state.volume(name).isPresent()
                    ? Optional.empty()
                    : entry(placeOfVolume(name), index, Optional.empty());
        }
        Volume volume = state.withSlabs(found.get());
        volumeNames.put(id, volume.getName());
        Map<String, DiskGroup> groups = new HashMap<>();
        state.groupsOf(volume.getSlabsList()).forEach(group -> groups.put(group.getUuid(), group));
        return entry(
                placeOfVolume(volume.getName()),
                index,
                Optional.of(recordAt(index).setVolume(CopiesInSync.told(volume, groups))));
    }

    /** What to write in that place; nothing when nothing is there and nothing was. */
    private Optional<Write> entry(String place, long index, Optional<ViewRecord.Builder> there) {
        if (there.isPresent()) {
            return Optional.of(kept(place, there.get().build()));
        }
        boolean was = bytes.containsKey(place);
        forget(place);
        return was ? Optional.of(new Write(place, goneAt(index))) : Optional.empty();
    }

    /** Places filled by somebody, of which the truth knows nothing. */
    List<Write> leftOver(Set<String> places, long index) {
        return places.stream()
                .filter(place -> !place.equals(HEAD) && !bytes.containsKey(place))
                .map(place -> new Write(place, goneAt(index)))
                .toList();
    }

    private static ViewRecord.Builder recordAt(long index) {
        return ViewRecord.newBuilder().setIndex(index);
    }

    private static ViewRecord goneAt(long index) {
        return ViewRecord.newBuilder().setIndex(index).setGone(true).build();
    }

    /** Within the limits; beyond them, that it must be asked for. */
    private Write kept(String place, ViewRecord record) {
        forget(place);
        int size = record.getSerializedSize();
        ViewRecord written = record;
        if (size > MAX_ENTRY_BYTES || allBytes + size > MAX_BYTES || bytes.size() >= MAX_ENTRIES / 2) {
            written = goneAt(record.getIndex());
            size = written.getSerializedSize();
        }
        bytes.put(place, size);
        allBytes += size;
        return new Write(place, written);
    }

    private void forget(String place) {
        Integer size = bytes.remove(place);
        allBytes -= size == null ? 0 : size;
    }

    /** Places filled, the head not counted. */
    long entries() {
        return bytes.size();
    }
}
