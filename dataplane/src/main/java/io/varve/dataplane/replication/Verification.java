package io.varve.dataplane.replication;

import io.varve.dataplane.store.StoreStatus;
import io.varve.dataplane.time.Loop;
import io.varve.model.Geometry;

/**
 * Compares the copies of an attached volume, extent by extent, while it is used: every copy hashes what it holds, from its disks, each block
 * verified. Hashes are taken at slightly different moments, so an extent that is being written is asked again. Confined to the volume's loop.
 */
public final class Verification {
    /** Extents asked of all copies at a time: keeps the disks busy, and client reads ahead of it. */
    static final int WINDOW = 4;

    /** How often an extent is asked before it counts as different: a busy extent comes to rest for a moment in five seconds. */
    static final int MAX_TRIES = 50;

    private static final long PAUSE_NANOS = 100_000_000L;

    /** Who is told; on the loop. */
    public interface Listener {
        /** After each extent. {@code difference}: empty if its copies are equal, else which they are, for people. */
        void compared(long done, long total, String difference);

        /** {@code failure}: empty if every extent was compared. */
        void finished(String failure);
    }

    private final Loop loop;
    private final AccessPointHost host;
    private final Listener listener;
    private final long total;
    private long next;
    private long done;
    private boolean finished;

    private Verification(Loop loop, AccessPointHost host, long sizeBytes, Listener listener) {
        this.loop = loop;
        this.host = host;
        this.listener = listener;
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
            finish("the volume is no longer attached here");
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
        private final GroupPort[] ports;
        private final StoreStatus[] statuses;
        private final int[] crcs;
        private final long[] versions;
        private int missing;
        private int tries;

        Extent(long index) {
            slab = (int) (index / Geometry.EXTENTS_PER_SLAB);
            extent = (int) (index % Geometry.EXTENTS_PER_SLAB);
            ports = host.ports(slab);
            statuses = new StoreStatus[ports.length];
            crcs = new int[ports.length];
            versions = new long[ports.length];
        }

        void ask() {
            tries++;
            missing = ports.length;
            for (int i = 0; i < ports.length; i++) {
                int member = i;
                ports[i].digest(
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
            } else if (tries < MAX_TRIES && host.isOpen() && !isSettled()) {
                loop.schedule(PAUSE_NANOS, this::ask);
            } else {
                end(describe());
            }
        }

        private boolean areEqual() {
            for (int i = 0; i < ports.length; i++) {
                if (statuses[i] != StoreStatus.OK || crcs[i] != crcs[0]) {
                    return false;
                }
            }
            return true;
        }

        /** Nothing is on its way that could explain the difference: same newest write everywhere, seen twice. */
        private boolean isSettled() {
            for (int i = 0; i < ports.length; i++) {
                if (statuses[i] != StoreStatus.OK || versions[i] != versions[0]) {
                    return false;
                }
            }
            return tries > 2 && host.accessPoint(slab).inFlightRecords() == 0;
        }

        private String describe() {
            StringBuilder text = new StringBuilder("slab " + slab + " extent " + extent + ":");
            for (int i = 0; i < ports.length; i++) {
                text.append(i == 0 ? " " : ", ").append(ports[i].group()).append(' ');
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

        private void end(String difference) {
            done++;
            listener.compared(done, total, difference);
            more();
            if (done == total) {
                finish("");
            }
        }
    }
}
