package io.varve.dataplane.store;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** What of a {@link MemoryStore} outlives a crash. */
public final class MemoryDisk {
    static final class Kept {
        final Op op;
        final int epoch;
        final int gen;
        final long seq;
        final int block;
        final int count;
        final long aux;
        final byte[] payload;
        final int[] crcs;

        Kept(JournalRecord from) {
            op = from.op;
            epoch = from.epoch;
            gen = from.gen;
            seq = from.seq;
            block = from.block;
            count = from.count;
            aux = from.aux;
            payload = new byte[from.payload == null ? 0 : from.count * 4096];
            if (from.payload != null) {
                from.payload.getBytes(from.payloadIndex, payload);
            }
            crcs = java.util.Arrays.copyOf(from.crcs, payload.length / 4096);
        }
    }

    /** {@code before}: what is there again if the log is cut below {@code seq}; null if nothing was, or it was committed over. */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    record Version(long seq, byte[] data, @Nullable Version before) {}

    static final class Stream {
        final long creationId;
        final int blocks;
        final List<Kept> log = new ArrayList<>();
        final Map<Integer, Version> content = new TreeMap<>();
        final java.util.Set<Integer> rotten = new java.util.HashSet<>();
        /** Last COPIED of each extent. */
        final Map<Integer, Long> copied = new HashMap<>();
        /** What is missing but for what {@link #done} says, by seq. */
        final BitSet todo = new BitSet();

        final TreeMap<Long, Integer> done = new TreeMap<>();
        long session;
        int epochBeforeLog;
        long appliedSeq;
        long lastSeq;
        int lastEpoch;
        long commitSeq;
        int promisedEpoch;
        long promisedNodeHash;
        long promisedIncarnation;

        Stream(long creationId, int blocks) {
            this.creationId = creationId;
            this.blocks = blocks;
        }

        BitSet undone() {
            BitSet undone = (BitSet) todo.clone();
            done.values().forEach(undone::clear);
            return undone;
        }

        /** The log ends at {@code seq}; what stands above never was. */
        void cut(long seq) {
            log.removeIf(record -> record.seq > seq);
            done.tailMap(seq, false).clear();
            lastSeq = seq;
            lastEpoch = log.isEmpty() ? epochBeforeLog : log.getLast().epoch;
            for (Map.Entry<Integer, Version> block : content.entrySet()) {
                Version version = block.getValue();
                while (version != null && version.seq() > seq) {
                    version = version.before();
                }
                block.setValue(version == null ? new Version(0, new byte[4096], null) : version);
            }
        }
    }

    final String uuid;
    final Map<Long, Stream> streams = new HashMap<>();

    public MemoryDisk(String uuid) {
        this.uuid = uuid;
    }

    /** The block can no longer be verified, until it is written or repaired. */
    public void rot(long stream, int block) {
        Stream at = streams.get(stream);
        if (at != null) {
            at.rotten.add(block);
        }
    }

    public boolean isRotten(long stream, int block) {
        Stream at = streams.get(stream);
        return at != null && at.rotten.contains(block);
    }

    /** Forgets every record above {@code seq}: what a disk that lies about durability does. */
    public void lose(long stream, long seq) {
        Stream at = streams.get(stream);
        if (at != null) {
            at.log.removeIf(record -> record.seq > seq);
            at.lastSeq = Math.min(at.lastSeq, seq);
        }
    }

    /** The block has other content with a good checksum, as after a bug. */
    public void change(long stream, int block) {
        Stream at = streams.get(stream);
        if (at != null) {
            Version old = at.content.get(block);
            byte[] data = new byte[4096];
            data[7] = 1;
            at.content.put(block, new Version(old == null ? 0 : old.seq(), data, null));
        }
    }

    /** The numbers of the records that the log holds, from old to new. */
    public List<Long> log(long stream) {
        Stream at = streams.get(stream);
        return at == null
                ? List.of()
                : at.log.stream().map(record -> record.seq).toList();
    }

    /** The content as text, to compare copies. */
    public Map<Integer, Integer> content(long stream) {
        Map<Integer, Integer> hashes = new TreeMap<>();
        Stream at = streams.get(stream);
        if (at != null) {
            at.content.forEach((block, version) -> {
                int hash = java.util.Arrays.hashCode(version.data());
                if (hash != java.util.Arrays.hashCode(new byte[4096])) {
                    hashes.put(block, hash);
                }
            });
        }
        return hashes;
    }

    public long lastSeq(long stream) {
        Stream at = streams.get(stream);
        return at == null ? 0 : at.lastSeq;
    }
}
