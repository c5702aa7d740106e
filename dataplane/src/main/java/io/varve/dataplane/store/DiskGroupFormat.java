package io.varve.dataplane.store;

import io.varve.dataplane.disk.Disk;
import io.varve.dataplane.store.index.ExtentIndex;
import io.varve.dataplane.store.index.ExtentIndex.Table;
import io.varve.dataplane.store.index.IndexBatch;
import io.varve.dataplane.store.journal.JournalGeometry;
import io.varve.dataplane.time.Loop;
import io.varve.model.Geometry;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Makes a disk group out of disks: empties the index, then writes superblocks, the journal device's last, so that a crash in between leaves
 * nothing that can be opened by mistake. Foreign signatures other than our own are the business of whoever opens the disks. On the loop.
 */
public final class DiskGroupFormat {
    /** Room for two superblock copies and their neighbours before the first region. */
    static final long FIRST_REGION = 1 << 20;

    /** The data region starts at a multiple of it, so that runs of units are aligned on HDD too. */
    private static final long DATA_ALIGNMENT = 1 << 20;

    /** A group must hold at least so many units, or its reserve is nothing. */
    private static final int FEWEST_UNITS = 64;

    /** Entries deleted in one index commit. */
    private static final int DELETE_BATCH = 10_000;

    private final Loop loop;
    private final List<GroupDisk> disks;
    private final GroupIdentity identity;
    private final DiskGroupOptions options;
    private final ExtentIndex index;
    private final boolean wipe;
    private final UUID journalUuid;
    private final Consumer<@Nullable String> done;
    private final List<Superblock> superblocks = new ArrayList<>();

    private DiskGroupFormat(
            Loop loop,
            List<GroupDisk> disks,
            GroupIdentity identity,
            DiskGroupOptions options,
            ExtentIndex index,
            boolean wipe,
            UUID journalUuid,
            Consumer<@Nullable String> done) {
        this.loop = loop;
        this.disks = ordered(disks);
        this.identity = identity;
        this.options = options;
        this.index = index;
        this.wipe = wipe;
        this.journalUuid = journalUuid;
        this.done = done;
    }

    /**
     * Formats the disks as one group. {@code journalUuid}: fresh; it is what makes old journal frames on the disks void. {@code wipe}: also when
     * one of them carries a superblock of ours. {@code done}: null, or why not, naming the disk; then nothing was changed unless
     * writing itself failed.
     */
    public static void format(
            Loop loop,
            List<GroupDisk> disks,
            GroupIdentity identity,
            DiskGroupOptions options,
            ExtentIndex index,
            boolean wipe,
            UUID journalUuid,
            Consumer<@Nullable String> done) {
        DiskGroupFormat format = new DiskGroupFormat(loop, disks, identity, options, index, wipe, journalUuid, done);
        loop.execute(() -> format.check(0));
    }

    /** The journal goes to the first flash device; without one, to the first. */
    private static List<GroupDisk> ordered(List<GroupDisk> disks) {
        List<GroupDisk> ordered = new ArrayList<>(disks);
        for (int i = 0; i < ordered.size(); i++) {
            if (ordered.get(i).deviceClass().isFlash()) {
                ordered.addFirst(ordered.remove(i));
                break;
            }
        }
        return ordered;
    }

    private void check(int i) {
        if (disks.isEmpty()) {
            done.accept("a disk group needs at least one disk");
            return;
        }
        if (i == disks.size()) {
            String problem = plan();
            if (problem != null) {
                done.accept(problem);
            } else {
                loop.offload(this::emptyIndex, this::indexEmptied);
            }
            return;
        }
        Disk disk = disks.get(i).disk();
        SuperblockCopies.read(disk, reading -> {
            if (!wipe && !reading.isAbsent()) {
                Superblock found = reading.superblock();
                done.accept(disk.name()
                        + (found == null
                                ? " carries a damaged superblock of Varve"
                                : " belongs to disk group " + found.group() + " of cluster " + found.cluster())
                        + ": use --wipe, or wipe: true in the configuration, if what it holds may be destroyed");
            } else {
                check(i + 1);
            }
        });
    }

    private @Nullable String plan() {
        for (int i = 0; i < disks.size(); i++) {
            GroupDisk disk = disks.get(i);
            long bytes = disk.disk().sizeBytes();
            boolean journal = i == 0;
            JournalGeometry geometry =
                    journal ? JournalGeometry.of(FIRST_REGION, options.journalBytes()) : new JournalGeometry(0, 0, 0);
            long checksums = FIRST_REGION + (journal ? geometry.bytes() : 0);
            long end = (bytes & -Geometry.BLOCK_BYTES) - SuperblockCopies.SPACING_BYTES;
            // Each unit takes 64 KiB and 64 bytes of checksums.
            long units = Math.max(0, end - checksums - DATA_ALIGNMENT)
                    / (Geometry.PIECE_BYTES + Geometry.BLOCKS_PER_PIECE * Integer.BYTES);
            long table = units * Geometry.BLOCKS_PER_PIECE * Integer.BYTES + Geometry.BLOCK_BYTES;
            long data = (checksums + table + DATA_ALIGNMENT - 1) & -DATA_ALIGNMENT;
            units = Math.min(Integer.MAX_VALUE - 1, Math.max(0, end - data) / Geometry.PIECE_BYTES);
            if (units < FEWEST_UNITS) {
                return disk.disk().name() + " is too small: " + bytes + " bytes, of which "
                        + (journal ? geometry.bytes() + " are for the journal" : "nothing is left for data");
            }
            UUID device =
                    UUID.nameUUIDFromBytes((journalUuid + "/" + i).getBytes(java.nio.charset.StandardCharsets.UTF_8));
            superblocks.add(new Superblock(
                    journal,
                    disk.deviceClass(),
                    0,
                    1,
                    identity.cluster(),
                    identity.node(),
                    identity.group(),
                    device,
                    journalUuid,
                    i,
                    disks.size(),
                    bytes,
                    journal ? FIRST_REGION : 0,
                    geometry.bytes(),
                    geometry.segmentBytes(),
                    checksums,
                    data,
                    (int) units));
        }
        return null;
    }

    private @Nullable String indexError;

    private void emptyIndex() {
        for (Table table : Table.values()) {
            while (indexError == null) {
                IndexBatch batch = new IndexBatch();
                index.scan(table, new byte[] {0}, (key, value) -> {
                    batch.delete(table, key);
                    return batch.size() < DELETE_BATCH;
                });
                if (batch.size() == 0) {
                    break;
                }
                indexError = index.commit(batch);
            }
        }
        if (indexError == null) {
            IndexBatch batch = new IndexBatch();
            batch.put(Table.META, LoadedIndex.GROUP_KEY, LoadedIndex.groupValue(identity.group(), journalUuid));
            indexError = index.commit(batch);
        }
    }

    private void indexEmptied() {
        if (indexError != null) {
            done.accept(indexError);
        } else {
            writeSuperblock(disks.size() - 1);
        }
    }

    private void writeSuperblock(int i) {
        if (i < 0) {
            done.accept(null);
            return;
        }
        SuperblockCopies.write(disks.get(i).disk(), superblocks.get(i), error -> {
            if (error != null) {
                done.accept(error);
            } else {
                writeSuperblock(i - 1);
            }
        });
    }
}
