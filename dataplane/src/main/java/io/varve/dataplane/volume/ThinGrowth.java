package io.varve.dataplane.volume;

import io.varve.dataplane.replication.AccessPointHost;
import io.varve.dataplane.time.Loop;
import io.varve.model.Geometry;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Whether a write that makes a volume grow has room on every copy. A thick one always has ({@code docs/internals/thick.md}). For a thin one: what a copy told last may be old, and counts as gone what its next
 * checkpoint gives back; so "full" is said only after every copy of the slab that lacks room was asked to reclaim and still lacks it. Where it
 * depends on pieces that a copy may have given back, all reclaim and tell what they hold. The first write in the queue asks, when all before it is
 * acknowledged; meanwhile it and what is behind it wait. Confined to the volume's loop.
 */
final class ThinGrowth {
    enum Verdict {
        ROOM,
        /** {@link AccessPointHost.Owner#eased} comes. */
        WAIT,
        /** Refuse it: no sequence number, no trace. */
        FULL
    }

    /**
     * How long a refusal stands for the writes that follow, unless something was trimmed or a copy tells more room: a full pool shall not
     * checkpoint for each of a thousand writes that a file system has waiting.
     */
    static final long FULL_NANOS = 1_000_000_000L;

    private enum Question {
        NONE,
        ASKED,
        ANSWERED
    }

    private static final BitSet NONE_UNSURE = new BitSet(0);

    private final AccessPointHost host;
    private final Loop loop;
    /** By slab: until when it counts as full, and the room that there was when it was found so. */
    private long[] fullUntilNanos;

    private long[] fullPieces;
    private boolean isGuaranteed;
    private Question question = Question.NONE;
    private int round;
    private int outstanding;
    /** Slabs whose maps are to be renewed when the copies have reclaimed. */
    private final List<Integer> unsureSlabs = new ArrayList<>();

    ThinGrowth(AccessPointHost host, Loop loop, long sizeBytes) {
        this.host = host;
        this.loop = loop;
        fullUntilNanos = new long[slabs(sizeBytes)];
        fullPieces = new long[slabs(sizeBytes)];
    }

    private static int slabs(long sizeBytes) {
        return (int) ((sizeBytes + Geometry.SLAB_BYTES - 1) / Geometry.SLAB_BYTES);
    }

    /** The volume is larger now. */
    void resized(long sizeBytes) {
        fullUntilNanos = Arrays.copyOf(fullUntilNanos, slabs(sizeBytes));
        fullPieces = Arrays.copyOf(fullPieces, slabs(sizeBytes));
    }

    /** Every copy keeps room for all of the volume, or not any more. */
    void guaranteed(boolean guaranteed) {
        isGuaranteed = guaranteed;
    }

    /** What pieces that take space from now on cost of what the copies have for everybody. */
    int cost(int pieces) {
        return isGuaranteed ? 0 : pieces;
    }

    /** For the first write in the queue, of which nothing is numbered yet. {@code isLast}: nothing of the volume but this can be numbered. */
    Verdict ask(long offsetBytes, long lengthBytes, boolean isLast) {
        Verdict verdict = Verdict.ROOM;
        if (isGuaranteed) {
            forget();
            return verdict;
        }
        for (int slab = first(offsetBytes); slab <= last(offsetBytes, lengthBytes); slab++) {
            if (lacks(slab, growth(slab, offsetBytes, lengthBytes))) {
                boolean isForCertain = lacks(slab, certainGrowth(slab, offsetBytes, lengthBytes));
                verdict = question == Question.ANSWERED || (isForCertain && isKnownFull(slab))
                        ? Verdict.FULL
                        : Verdict.WAIT;
                if (question == Question.ANSWERED) {
                    fullUntilNanos[slab] = loop.nanos() + FULL_NANOS;
                    fullPieces[slab] = host.freePieces(slab);
                }
                if (verdict == Verdict.FULL) {
                    break;
                }
            }
        }
        if (verdict != Verdict.WAIT) {
            forget();
        } else if (question == Question.NONE && isLast && host.isSettled()) {
            reclaim(offsetBytes, lengthBytes);
        }
        return verdict;
    }

    private static int first(long offsetBytes) {
        return (int) (offsetBytes / Geometry.SLAB_BYTES);
    }

    private static int last(long offsetBytes, long lengthBytes) {
        return (int) ((offsetBytes + lengthBytes - 1) / Geometry.SLAB_BYTES);
    }

    /** Pieces of the slab that the range would take and that take no space yet, or may not. */
    private int growth(int slab, long offsetBytes, long lengthBytes) {
        return missing(slab, offsetBytes, lengthBytes, host.unsure(slab));
    }

    private int certainGrowth(int slab, long offsetBytes, long lengthBytes) {
        return missing(slab, offsetBytes, lengthBytes, NONE_UNSURE);
    }

    private int missing(int slab, long offsetBytes, long lengthBytes, BitSet unsure) {
        long slabStart = slab * Geometry.SLAB_BYTES;
        long from = Math.max(offsetBytes, slabStart) - slabStart;
        long end = Math.min(offsetBytes + lengthBytes - slabStart, Geometry.SLAB_BYTES);
        return Admission.missing(host.allocated(slab), unsure, (int) (from / Geometry.PIECE_BYTES), (int)
                ((end - 1) / Geometry.PIECE_BYTES));
    }

    private boolean lacks(int slab, int growth) {
        return growth > 0 && host.freePieces(slab) < growth;
    }

    private boolean isKnownFull(int slab) {
        return loop.nanos() < fullUntilNanos[slab] && host.freePieces(slab) <= fullPieces[slab];
    }

    private void reclaim(long offsetBytes, long lengthBytes) {
        question = Question.ASKED;
        round++;
        int asking = round;
        outstanding = 0;
        unsureSlabs.clear();
        for (int slab = first(offsetBytes); slab <= last(offsetBytes, lengthBytes); slab++) {
            int growth = growth(slab, offsetBytes, lengthBytes);
            if (lacks(slab, growth)) {
                boolean isUnsure = growth > certainGrowth(slab, offsetBytes, lengthBytes);
                if (isUnsure) {
                    unsureSlabs.add(slab);
                }
                // A map is true only where everything was reclaimed, so on copies with room as well.
                outstanding += host.reclaim(slab, isUnsure ? Long.MAX_VALUE : growth, isTold -> told(asking, isTold));
            }
        }
    }

    private void told(int asking, boolean answered) {
        if (asking != round || question != Question.ASKED) {
            return;
        }
        outstanding--;
        if (!answered) {
            forget();
        } else if (outstanding == 0) {
            outstanding = unsureSlabs.size();
            question = outstanding == 0 ? Question.ANSWERED : Question.ASKED;
            List<Integer> slabs = List.copyOf(unsureSlabs);
            unsureSlabs.clear();
            slabs.forEach(slab -> host.renewMap(slab, pieces -> mapped(asking, slab, pieces)));
        }
    }

    /** A map that comes when the request is over says nothing: others were numbered since. */
    private void mapped(int asking, int slab, @Nullable BitSet pieces) {
        if (pieces != null && asking == round && question == Question.ASKED) {
            // Never more than before: what a copy that is being filled has as zeros takes no space there.
            host.allocated(slab).and(pieces);
            host.unsure(slab).clear();
        }
        told(asking, pieces != null);
    }

    /** Space was given up: it may be asked for at once. */
    void shrunk(int slab) {
        fullUntilNanos[slab] = 0;
    }

    /** Whoever asked does not wait any more. */
    void forget() {
        question = Question.NONE;
        round++;
    }
}
