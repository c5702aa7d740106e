package io.varve.dataplane.replication;

import io.varve.dataplane.store.StoreStatus;
import java.util.BitSet;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One session in which one copy of a slab becomes whole again: PREPARE, JOIN, the copies, FINISH (docs/internals/resync.md). Ends whole, and enters
 * the set by {@link SetChanges}, or is given up and begun anew by {@link Returns}. Confined to the volume's loop.
 */
final class Learner {
    private enum Step {
        PREPARING,
        /** Required; what was numbered before is not committed yet. */
        WAITING,
        LISTING,
        JOINING,
        COPYING,
        /** All is numbered; the last of it is not committed yet. */
        SETTLING,
        FINISHING,
        WHOLE,
        ENDED
    }

    private static final Logger LOG = LoggerFactory.getLogger(Learner.class);

    private final Returns returns;
    private final AccessPointHost host;
    private final SlabHost slab;
    private final AccessPoint point;
    private final Member member;
    private final GroupPort port;
    private final long session;
    private Step step = Step.PREPARING;
    private long cutSeq;
    /** By extent the blocks that it misses; null: all of each extent. */
    private @Nullable Map<Integer, BitSet> missed;

    private long joinSeq;
    private long lastSeq;
    private int total;
    private long bytes;
    private long bytesBefore;
    private long bytesPerSecond;
    private @Nullable ExtentCopy copy;

    /** {@code session}: never used before in this stream. */
    Learner(Returns returns, AccessPointHost host, SlabHost slab, Member member, long session) {
        this.returns = returns;
        this.host = host;
        this.slab = slab;
        this.point = slab.point;
        this.member = member;
        this.port = slab.ports[member.index];
        this.session = session;
    }

    SlabHost slab() {
        return slab;
    }

    Member member() {
        return member;
    }

    /** All that it missed is there, durably, and it takes part: it may enter the set. */
    boolean isWhole() {
        return step == Step.WHOLE;
    }

    boolean hasEnded() {
        return step == Step.ENDED;
    }

    void start() {
        port.prepare(point.stream(), host.epoch(), this::prepared);
    }

    private void prepared(StoreStatus status, long cut) {
        if (step != Step.PREPARING) {
            return;
        }
        if (status == StoreStatus.NOT_MEMBER) {
            // What promised was another replica, which this one has taken the place of.
            point.sealAgain(member.index);
        }
        if (status != StoreStatus.OK || point.phase() != AccessPoint.Phase.OPEN) {
            giveUp("cannot prepare: " + status);
            return;
        }
        cutSeq = cut;
        joinSeq = point.set().require(member.index);
        // What comes from here on it gets itself.
        missed = slab.missedSince(member, cut);
        step = Step.WAITING;
        advance();
    }

    /** Looks whether what it waits for has come. */
    void advance() {
        switch (step) {
            case WAITING -> {
                if (point.commitSeq() >= joinSeq - 1) {
                    list();
                }
            }
            case COPYING -> {
                if (copy != null) {
                    copy.advance();
                }
            }
            case SETTLING -> {
                if (point.commitSeq() >= lastSeq) {
                    finish();
                }
            }
            case PREPARING, LISTING, JOINING, FINISHING, WHOLE, ENDED -> {}
        }
    }

    /** What was written between its cut and its join: asked of a copy that has committed all of it. */
    private void list() {
        GroupPort source = slab.firstReadable();
        if (source == null) {
            giveUp("no copy can be read");
            return;
        }
        step = Step.LISTING;
        source.newer(point.stream(), host.epoch(), cutSeq, this::listed);
    }

    private void listed(StoreStatus status, @Nullable BitSet newer) {
        if (step != Step.LISTING) {
            return;
        }
        if (status != StoreStatus.OK || newer == null) {
            giveUp("what it missed cannot be listed: " + status);
            return;
        }
        step = Step.JOINING;
        port.join(point.stream(), host.epoch(), session, joinSeq, newer, this::joined);
    }

    private void joined(StoreStatus status, @Nullable BitSet todo) {
        if (step != Step.JOINING) {
            return;
        }
        if (status != StoreStatus.OK || todo == null) {
            giveUp("cannot join: " + status);
            return;
        }
        // A peer that names extents behind the end of the slab.
        todo.clear(host.slabExtents(slab), Math.max(todo.length(), host.slabExtents(slab)));
        total = todo.cardinality();
        LOG.info(
                "copy joined stream={} group={} cut={} joinSeq={} extents={} blocks={}",
                point.stream(),
                member.group,
                cutSeq,
                joinSeq,
                total,
                missed == null ? "all" : "missed");
        step = Step.COPYING;
        lastSeq = joinSeq - 1;
        copy = new ExtentCopy(host, slab, this, session, todo, missed);
        point.set().joined(member.index);
        copy.advance();
    }

    /** A client's record was numbered. */
    void wrote(int block, int count) {
        if (copy != null) {
            copy.wrote(block, count);
        }
    }

    /** {@code seq}: of the newest record that it needs. */
    void numbered(long seq, long bytes) {
        lastSeq = seq;
        this.bytes += bytes;
        returns.copied(bytes);
    }

    /** True if more may be copied now; else it is told to advance when it may. */
    boolean mayCopy() {
        return returns.mayCopy();
    }

    /** A second has passed. */
    void second() {
        long last = bytes - bytesBefore;
        bytesBefore = bytes;
        bytesPerSecond = bytesPerSecond == 0 ? last : (3 * bytesPerSecond + last) / 4;
    }

    void allNumbered() {
        copy = null;
        step = Step.SETTLING;
        advance();
    }

    private void finish() {
        step = Step.FINISHING;
        port.finish(point.stream(), host.epoch(), session, point.commitSeq(), this::finished);
    }

    private void finished(StoreStatus status) {
        if (step != Step.FINISHING) {
            return;
        }
        if (status != StoreStatus.OK) {
            giveUp("cannot finish: " + status);
            return;
        }
        step = Step.WHOLE;
        LOG.info("copy whole stream={} group={}", point.stream(), member.group);
        host.considerSet();
    }

    /** It is lost, or refuses. If it may be in the set already, only a change without it ends it. */
    void giveUp(String why) {
        if (step == Step.ENDED) {
            return;
        }
        if (member.isProposed) {
            member.isLost = true;
            host.considerSet();
            return;
        }
        LOG.info("copy given up stream={} group={} step={} reason=\"{}\"", point.stream(), member.group, step, why);
        if (member.trouble.isEmpty()) {
            member.trouble = why;
        }
        end();
        if (!point.hasEnded()) {
            point.set().release(member.index);
        }
        returns.ended(this, false);
    }

    /** A change committed: it is in the set, or it is certain that it is not. */
    void settled(boolean isIn) {
        if (step != Step.ENDED) {
            end();
            returns.ended(this, isIn);
        }
    }

    /** The access point ended, or the copy is in the set. */
    void end() {
        step = Step.ENDED;
        ExtentCopy running = copy;
        copy = null;
        if (running != null) {
            running.end();
        }
    }

    CopyProgress told() {
        ExtentCopy running = copy;
        String state = switch (step) {
            case PREPARING, WAITING, LISTING, JOINING -> "JOINING";
            case COPYING -> "COPYING";
            case SETTLING, FINISHING, WHOLE, ENDED -> "FINISHING";
        };
        int left = running == null ? 0 : running.extentsLeft();
        return new CopyProgress(slab.spec.index(), member.group, total, left, bytes, bytesPerSecond, state);
    }

    /** For people. */
    String progress() {
        ExtentCopy running = copy;
        return switch (step) {
            case PREPARING, WAITING, LISTING, JOINING -> "it is back, and about to join";
            case COPYING ->
                "being filled, " + (running == null ? total : total - running.extentsLeft()) + " of " + total + " MiB";
            case SETTLING, FINISHING, WHOLE, ENDED -> "filled, about to be in sync";
        };
    }
}
