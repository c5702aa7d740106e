package io.varve.dataplane.disk;

import io.varve.dataplane.check.Invariant;
import io.varve.model.Geometry;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.SplittableRandom;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * What a simulated device holds: what is on stable storage, what is only in its volatile cache, and what is on its way. No time, no
 * loop, no chance except where a generator is handed in. After a power cut every 512-byte sector that was not stable holds, each for
 * itself, any version that it ever had since it last was: writes are lost, torn and reordered. Confined to one thread.
 */
public final class SimulatedMedium {
    /** The unit in which devices write atomically at best, in bytes. */
    public static final int SECTOR_BYTES = 512;

    static final int SECTORS_PER_BLOCK = Geometry.BLOCK_BYTES / SECTOR_BYTES;
    static final byte[] ZEROS = new byte[Geometry.BLOCK_BYTES];

    private final long sizeBytes;
    private final SparseBlocks stable;
    /** By block, oldest first: completed writes that no flush has covered. */
    private final SortedMap<Long, List<Version>> cached;

    private final LinkedHashMap<Long, Write> underWay = new LinkedHashMap<>();
    private long lastSequence;

    /** A device full of zeros. */
    public SimulatedMedium(long sizeBytes) {
        this(sizeBytes, new SparseBlocks(sizeBytes), new TreeMap<>(), 0);
        Invariant.check(
                sizeBytes > 0 && sizeBytes % Geometry.BLOCK_BYTES == 0, "size of a simulated device", sizeBytes);
    }

    private SimulatedMedium(
            long sizeBytes, SparseBlocks stable, SortedMap<Long, List<Version>> cached, long lastSequence) {
        this.sizeBytes = sizeBytes;
        this.stable = stable;
        this.cached = cached;
        this.lastSequence = lastSequence;
    }

    public long sizeBytes() {
        return sizeBytes;
    }

    /** An independent device with the same content, cache included. Nothing may be on its way. */
    public SimulatedMedium copy() {
        Invariant.check(underWay.isEmpty(), "a copy is taken while nothing is under way", underWay.size());
        TreeMap<Long, List<Version>> versions = new TreeMap<>();
        cached.forEach((block, list) -> versions.put(block, new ArrayList<>(list)));
        return new SimulatedMedium(sizeBytes, stable.copy(), versions, lastSequence);
    }

    /** The content of a block as a read sees it. Not to be changed. */
    public byte[] read(long block) {
        List<Version> versions = cached.get(block);
        return versions == null ? stable(block) : versions.getLast().content;
    }

    /** Bytes from anywhere, for tests. */
    public byte[] read(long offset, int length) {
        byte[] bytes = new byte[length];
        for (int i = 0; i < length; i++) {
            long at = offset + i;
            bytes[i] = read(at / Geometry.BLOCK_BYTES)[(int) (at % Geometry.BLOCK_BYTES)];
        }
        return bytes;
    }

    /** Puts bytes anywhere at once and stable, for tests that prepare or damage a device. */
    public void put(long offset, byte[] bytes) {
        for (int i = 0; i < bytes.length; i++) {
            long block = (offset + i) / Geometry.BLOCK_BYTES;
            int from = (int) ((offset + i) % Geometry.BLOCK_BYTES);
            int count = Math.min(bytes.length - i, Geometry.BLOCK_BYTES - from);
            byte[] content = read(block).clone();
            System.arraycopy(bytes, i, content, from, count);
            cached.remove(block);
            stable.put(block, content);
            i += count - 1;
        }
    }

    /** Flips one bit in each of {@code count} bytes that lie in the range, wherever the device keeps them. */
    public void rot(long offset, long length, int count, SplittableRandom random) {
        for (int i = 0; i < count; i++) {
            long at = offset + random.nextLong(length);
            byte[] flipped = {(byte) (read(at, 1)[0] ^ 1 << random.nextInt(8))};
            put(at, flipped);
        }
    }

    /** A write leaves for the device. From here on a power cut may keep any of its sectors. */
    void startWrite(long id, long firstBlock, List<byte[]> contents, boolean durable) {
        underWay.put(id, new Write(firstBlock, contents, durable));
    }

    /** It has arrived: reads see it. If it was durable, no power cut takes it back. */
    void endWrite(long id) {
        Write write = taken(id);
        long sequence = ++lastSequence;
        for (int i = 0; i < write.contents.size(); i++) {
            long block = write.firstBlock + i;
            if (write.durable) {
                cached.remove(block);
                stable.put(block, write.contents.get(i));
            } else {
                remember(block, new Version(sequence, write.contents.get(i), false));
            }
        }
    }

    /** The device reported an error: any of its sectors may have been written, none is stable. */
    void failWrite(long id, long seed) {
        Write write = taken(id);
        SplittableRandom random = new SplittableRandom(seed);
        long sequence = ++lastSequence;
        for (int i = 0; i < write.contents.size(); i++) {
            long block = write.firstBlock + i;
            byte[] mixed = read(block).clone();
            for (int sector = 0; sector < SECTORS_PER_BLOCK; sector++) {
                if (random.nextBoolean()) {
                    copySector(write.contents.get(i), mixed, sector);
                }
            }
            remember(block, new Version(sequence, mixed, false));
        }
    }

    /** Up to where a flush that starts now reaches. */
    long startFlush() {
        return lastSequence;
    }

    /** What had arrived when the flush started is stable, except what an earlier flush failed on. */
    void endFlush(long reach) {
        cached.entrySet().removeIf(entry -> {
            List<Version> versions = entry.getValue();
            int stableUpTo = -1;
            for (int i = 0; i < versions.size(); i++) {
                if (versions.get(i).sequence <= reach && !versions.get(i).forsaken) {
                    stableUpTo = i;
                }
            }
            if (stableUpTo >= 0) {
                stable.put(entry.getKey(), versions.get(stableUpTo).content);
                versions.subList(0, stableUpTo + 1).clear();
            }
            return versions.isEmpty();
        });
    }

    /**
     * The flush failed. As with Linux, what it covered stays readable but is not written again by a later flush that succeeds: it is on
     * stable storage or not, as chance has it.
     */
    void failFlush(long reach) {
        cached.values()
                .forEach(versions ->
                        versions.replaceAll(version -> version.sequence <= reach ? version.forsake() : version));
    }

    /** True if a power cut now would leave the device as it is. */
    public boolean isStable() {
        return cached.isEmpty() && underWay.isEmpty();
    }

    /** The device after a power cut: each sector that was not stable holds any version that it had, drawn from {@code random}. */
    public SimulatedMedium powerCut(SplittableRandom random) {
        CrashChoices choices = new CrashChoices(this);
        int[] choice = new int[choices.size()];
        for (int i = 0; i < choice.length; i++) {
            choice[i] = random.nextInt(choices.alternatives(i));
        }
        return choices.image(choice);
    }

    /** The device after its process was killed: what had arrived stays, readable and unstable; of what was on its way any sector may. */
    public SimulatedMedium processKilled(SplittableRandom random) {
        for (Long id : List.copyOf(underWay.keySet())) {
            failWrite(id, random.nextLong());
        }
        return copy();
    }

    byte[] stable(long block) {
        byte[] content = stable.get(block);
        return content == null ? ZEROS : content;
    }

    SparseBlocks copyOfStable() {
        return stable.copy();
    }

    static SimulatedMedium of(long sizeBytes, SparseBlocks stable) {
        return new SimulatedMedium(sizeBytes, stable, new TreeMap<>(), 0);
    }

    /** By block: every content besides the stable one that a power cut could bring to light. */
    Map<Long, List<byte[]>> unstable() {
        Map<Long, List<byte[]>> contents = new TreeMap<>();
        cached.forEach((block, versions) -> {
            List<byte[]> list = contents.computeIfAbsent(block, none -> new ArrayList<>());
            versions.forEach(version -> list.add(version.content));
        });
        for (Write write : underWay.values()) {
            for (int i = 0; i < write.contents.size(); i++) {
                contents.computeIfAbsent(write.firstBlock + i, none -> new ArrayList<>())
                        .add(write.contents.get(i));
            }
        }
        return contents;
    }

    static void copySector(byte[] from, byte[] to, int sector) {
        System.arraycopy(from, sector * SECTOR_BYTES, to, sector * SECTOR_BYTES, SECTOR_BYTES);
    }

    private void remember(long block, Version version) {
        cached.computeIfAbsent(block, none -> new ArrayList<>()).add(version);
    }

    private Write taken(long id) {
        @Nullable Write write = underWay.remove(id);
        if (write == null) {
            throw new IllegalStateException("no such write is under way: " + id);
        }
        return write;
    }

    /** One content of a block. */
    private static final class Version {
        private final long sequence;
        private final byte[] content;
        /** A flush failed on it. */
        private final boolean forsaken;

        Version(long sequence, byte[] content, boolean forsaken) {
            this.sequence = sequence;
            this.content = content;
            this.forsaken = forsaken;
        }

        Version forsake() {
            return new Version(sequence, content, true);
        }
    }

    private record Write(long firstBlock, List<byte[]> contents, boolean durable) {}
}
