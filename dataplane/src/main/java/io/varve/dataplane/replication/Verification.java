package io.varve.dataplane.replication;

import io.varve.dataplane.store.StoreStatus;
import io.varve.dataplane.time.Loop;
import io.varve.model.Geometry;
import java.util.ArrayList;
import java.util.List;

/**
 * Compares the copies of an attached volume, extent by extent, while it is used: every copy hashes what it holds, from its disks, each block
 * verified. Hashes are taken at slightly different moments, so an extent that is being written is asked again. Where a copy has damage, or the
 * hashes stay different, an {@link ExtentInspection} looks at each block and repairs what another copy holds. Confined to the volume's loop.
 */
public final class Verification {
    /** Extents asked of all copies at a time: keeps the disks busy, and client reads ahead of it. */
    static final int WINDOW = 4;

    /** How often an extent is asked before it counts as different: a busy extent comes to rest for a moment in five seconds. */
    static final int MAX_TRIES = 50;

    /** A run that repaired is followed by another that finds all well; a third, in case more rotted meanwhile. */
    static final int MAX_INSPECTIONS = 3;

    private static final String GONE =
            "the volume was detached from this node, or the node stops: attach it and begin again";

    private static final long PAUSE_NANOS = 100_000_000L;

    /** Who is told; on the loop. */
    public interface Listener {
        /** After each extent. */
        void compared(long done, long total, Finding finding);

        /** {@code failure}: empty if every extent was compared. */
        void finished(String failure);
    }

    /**
     * What was found in one extent, in blocks. {@code damaged} ones did not match their checksum; of these some were {@code repaired} from another
     * copy, some are {@code lost} on every one (counted once). {@code different}: every copy gives the block, but not the same. {@code places}:
     * what a person must know, by volume offset; empty if the copies are equal now.
     */
    public record Finding(int damaged, int repaired, int lost, int different, List<String> places) {
        static final Finding EQUAL = new Finding(0, 0, 0, 0, List.of());

        public boolean isEqual() {
            return places.isEmpty();
        }
    }

    private final Loop loop;
    private final AccessPointHost host;
    private final Listener listener;
    private final long sizeBytes;
    private final long total;
    private long next;
    private long done;
    private boolean finished;

    private Verification(Loop loop, AccessPointHost host, long sizeBytes, Listener listener) {
        this.loop = loop;
        this.host = host;
        this.listener = listener;
        this.sizeBytes = sizeBytes;
        this.total = (sizeBytes + Geometry.EXTENT_BYTES - 1) / Geometry.EXTENT_BYTES;
    }

    /** Begins; {@link Listener#finished} comes once, not inside this call. */
    public static void start(Loop loop, AccessPointHost host, long sizeBytes, Listener listener) {
        Verification verification = new Verification(loop, host, sizeBytes, listener);
        loop.execute(() -> {
            for (int i = 0; i < WINDOW; i++) {
                verification.more();
            }
        });
    }

    private void more() {
        if (finished) {
            return;
        }
        if (!host.isOpen()) {
            finish(GONE);
        } else if (next < total) {
            new Extent(next++).ask();
        } else if (done == total) {
            finish("");
        }
    }

    private void finish(String failure) {
        if (!finished) {
            finished = true;
            listener.finished(failure);
        }
    }

    private final class Extent {
        private final int slab;
        private final int extent;
        private GroupPort[] ports = {};
        /** The copies that are compared: those of the set when they were asked. */
        private int[] members = {};

        private StoreStatus[] statuses = {};
        private int[] crcs = {};
        private long[] versions = {};
        private int missing;
        private int tries;
        private int inspections;
        private final ExtentInspection inspection;

        Extent(long index) {
            slab = (int) (index / Geometry.EXTENTS_PER_SLAB);
            extent = (int) (index % Geometry.EXTENTS_PER_SLAB);
            int slabBlocks = (int) Math.min(
                    Geometry.BLOCKS_PER_SLAB,
                    (sizeBytes + Geometry.BLOCK_BYTES - 1) / Geometry.BLOCK_BYTES
                            - (long) slab * Geometry.BLOCKS_PER_SLAB);
            inspection = new ExtentInspection(host, slab, extent, slabBlocks, this::inspected);
        }

        void ask() {
            tries++;
            members = host.slabAt(slab).inSet();
            ports = host.ports(slab);
            statuses = new StoreStatus[ports.length];
            crcs = new int[ports.length];
            versions = new long[ports.length];
            missing = members.length;
            for (int i = 0; i < members.length; i++) {
                int member = members[i];
                ports[member].digest(
                        host.accessPoint(slab).stream(),
                        host.epoch(),
                        extent,
                        (status, crc, version) -> told(member, status, crc, version));
            }
        }

        private void told(int member, StoreStatus status, int crc, long version) {
            statuses[member] = status;
            crcs[member] = crc;
            versions[member] = version;
            missing--;
            if (missing > 0 || finished) {
                return;
            }
            if (areEqual()) {
                end("");
            } else if (canInspect()) {
                inspections++;
                inspection.start();
            } else {
                askAgainOrEnd();
            }
        }

        private void askAgainOrEnd() {
            if (!host.isOpen()) {
                finish(GONE);
            } else if (tries < MAX_TRIES) {
                loop.schedule(PAUSE_NANOS, this::ask);
            } else {
                end(describe());
            }
        }

        private boolean areEqual() {
            for (int i : members) {
                if (statuses[i] != StoreStatus.OK || crcs[i] != crcs[members[0]]) {
                    return false;
                }
            }
            return true;
        }

        /** Every copy answers, and one has damage, or nothing is on its way that could explain that they differ. */
        private boolean canInspect() {
            boolean isDamaged = false;
            boolean isSettled = tries > 2 && host.accessPoint(slab).inFlight().size() == 0;
            for (int i : members) {
                if (statuses[i] != StoreStatus.OK && statuses[i] != StoreStatus.BAD_BLOCK) {
                    return false;
                }
                isDamaged |= statuses[i] == StoreStatus.BAD_BLOCK;
                isSettled &= versions[i] == versions[members[0]];
            }
            return inspections < MAX_INSPECTIONS && (isDamaged || isSettled || tries == MAX_TRIES);
        }

        private void inspected() {
            if (finished) {
                return;
            }
            boolean isSure = !inspection.isInterrupted && !inspection.hasRepaired;
            if (isSure || (!inspection.isInterrupted && inspections == MAX_INSPECTIONS)) {
                end("");
            } else {
                askAgainOrEnd();
            }
        }

        private String describe() {
            StringBuilder text = new StringBuilder("slab " + slab + " extent " + extent + ":");
            for (int i : members) {
                text.append(i == members[0] ? " " : ", ")
                        .append(ports[i].group())
                        .append(' ');
                if (statuses[i] == StoreStatus.OK) {
                    text.append(String.format("%08x at seq %d", crcs[i], versions[i]));
                } else {
                    text.append(
                            statuses[i] == StoreStatus.BAD_BLOCK
                                    ? "has a damaged block"
                                    : "cannot be read: " + statuses[i]);
                }
            }
            return text.toString();
        }

        /** {@code unclear}: empty if its copies were equal or looked at block by block, else why neither was possible. */
        private void end(String unclear) {
            done++;
            listener.compared(done, total, finding(unclear));
            more();
            if (done == total) {
                finish("");
            }
        }

        private Finding finding(String unclear) {
            if (inspections == 0 && unclear.isEmpty()) {
                return Finding.EQUAL;
            }
            List<String> places = new ArrayList<>();
            if (!unclear.isEmpty()) {
                places.add(unclear);
            }
            lostPlaces(places);
            inspection.unrepaired.forEach(each -> places.add(place(each.block(), 1) + " is damaged on " + each.group()
                    + " and could not be repaired there: " + each.why()));
            if (inspection.different > 0) {
                places.add(place(inspection.firstDifferent, 1) + " is the first of " + inspection.different
                        + " blocks that differ; " + describe());
            }
            int lost = inspection.lost.size();
            int damaged = inspection.repaired + inspection.unrepaired.size() + lost;
            return new Finding(damaged, inspection.repaired, lost, inspection.different, places);
        }

        /** Neighbours together. */
        private void lostPlaces(List<String> places) {
            List<Integer> lost = inspection.lost;
            int i = 0;
            while (i < lost.size()) {
                int first = i;
                do {
                    i++;
                } while (i < lost.size() && lost.get(i) == lost.get(i - 1) + 1);
                places.add(place(lost.get(first), i - first) + " is damaged on every copy: restore it");
            }
        }

        private String place(int block, int blocks) {
            long offset = slab * Geometry.SLAB_BYTES + (long) block * Geometry.BLOCK_BYTES;
            return "volume offset " + offset + " length " + blocks * Geometry.BLOCK_BYTES;
        }
    }
}
