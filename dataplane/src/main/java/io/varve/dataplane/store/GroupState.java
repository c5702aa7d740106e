package io.varve.dataplane.store;

import io.varve.dataplane.store.index.EntryCache;
import io.varve.dataplane.store.index.EntryLoads;
import io.varve.dataplane.store.index.ExtentIndex;
import io.varve.dataplane.store.index.LongIntTable;
import io.varve.dataplane.time.Loop;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What the parts of one disk group share. Confined to the group's loop. */
final class GroupState {
    /** Streams of one group over its process's life: their numbers are 16 bits of a table key. 65 536 full slabs are 512 TiB. */
    static final int MAX_STREAMS = 1 << 16;

    private static final Logger LOG = LoggerFactory.getLogger(GroupState.class);

    final Loop loop;
    final DiskGroupOptions options;
    /** By device index; the first holds the journal. */
    final List<GroupDevice> devices;

    final ExtentIndex index;
    final EntryCache entries;
    final EntryLoads loads;
    final DirectUnits directUnits;
    final Overlay overlay;
    final Space space;

    private final LongIntTable slots = new LongIntTable();
    private final List<@Nullable StreamLog> streams = new ArrayList<>();

    /** Set once, by {@link #fail}. Nothing is served afterwards. */
    @Nullable String failure;

    /** Told once, each in a turn of its own, when the group fails. Who serves it, and who reports it. */
    final List<Runnable> onFailure = new ArrayList<>();

    /** Closing has begun: no copying of tails, no checkpoint but the last. */
    boolean closing;

    /** The disks are being closed: nothing may be started on them. */
    boolean closed;

    long checksumErrors;
    long repairedBlocks;

    GroupState(Loop loop, DiskGroupOptions options, List<GroupDevice> devices, ExtentIndex index) {
        this.loop = loop;
        this.options = options;
        this.devices = devices;
        this.index = index;
        entries = new EntryCache(options.cachedEntries());
        loads = new EntryLoads(loop, index, entries);
        space = new Space(devices);
        directUnits = new DirectUnits(devices);
        overlay = new Overlay(directUnits);
    }

    /** A journal write, flush, destage or index commit failed, or a device cannot be trusted: {@code why} is a sentence for people. The first one counts. */
    void fail(String why) {
        if (failure != null) {
            return;
        }
        failure = why;
        LOG.error(
                "disk group failed group={} reason=\"{}\" now=\"its copies leave their sets; look at the device; once it is sound: varve disk retry, else replace the disk\"",
                devices.getFirst().superblock().group(),
                why);
        onFailure.forEach(loop::execute);
    }

    boolean isServing() {
        return failure == null && !closed;
    }

    /** Null if it is not here, or is being deleted. */
    @Nullable StreamLog stream(long id) {
        int slot = slots.get(id);
        return slot < 0 ? null : streams.get(slot);
    }

    StreamLog streamAt(int slot) {
        StreamLog found = streams.get(slot);
        if (found == null) {
            throw new IllegalStateException("no stream at " + slot);
        }
        return found;
    }

    /** Null once the stream of that number is gone. */
    @Nullable StreamLog streamOrNull(int slot) {
        return streams.get(slot);
    }

    boolean hasRoomForStream() {
        return streams.size() < MAX_STREAMS;
    }

    StreamLog addStream(long id, StreamRow row) {
        StreamLog stream = new StreamLog(id, row, streams.size());
        slots.put(id, stream.slot);
        streams.add(stream);
        return stream;
    }

    void removeStream(StreamLog stream) {
        slots.remove(stream.state.stream());
        streams.set(stream.slot, null);
    }

    int slotEnd() {
        return streams.size();
    }
}
