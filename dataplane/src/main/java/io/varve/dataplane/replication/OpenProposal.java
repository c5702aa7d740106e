package io.varve.dataplane.replication;

import io.varve.dataplane.time.Loop;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * OPEN: the one compare-and-set for all slabs of an attach, proposed when every slab is recovered, and again while its outcome is unknown
 * (docs/internals/protocol.md, Attach 5); and for those by which the volume grows since. Confined to the volume's loop.
 */
final class OpenProposal {
    /** Between two proposals whose outcome is unknown. */
    private static final long PAUSE_NANOS = 500_000_000L;

    private final AccessPointHost host;
    private final AttachSpec spec;
    private final Truth truth;
    private final Loop loop;
    private boolean proposed;
    private String trouble = "";

    OpenProposal(AccessPointHost host, AttachSpec spec, Truth truth, Loop loop) {
        this.host = host;
        this.spec = spec;
        this.truth = truth;
        this.loop = loop;
    }

    /** For people; empty if it does not wait. */
    String trouble() {
        return trouble;
    }

    /** Proposes if every slab is ready for it. */
    void proposeWhenRecovered() {
        List<Truth.SlabOpen> asked = new ArrayList<>();
        for (SlabHost slab : host.slabs()) {
            if (slab.point.phase() == AccessPoint.Phase.OPENING) {
                asked.add(new Truth.SlabOpen(
                        slab.spec.index(), slab.gen, slab.point.set().recovered(), slab.point.recoveredSeq() + 1));
            } else if (!slab.point.canChangeSet()) {
                return;
            }
        }
        if (asked.isEmpty() || proposed || host.hasEnded()) {
            return;
        }
        proposed = true;
        truth.open(spec.volume(), spec.epoch(), asked, this::answered);
    }

    private void answered(Truth.Outcome outcome, List<Truth.SlabOpened> answers, String message) {
        if (host.hasEnded()) {
            return;
        }
        switch (outcome) {
            case STALE_EPOCH -> host.end(true, "a newer attach exists" + (message.isEmpty() ? "" : ": " + message));
            case REFUSED -> host.end(false, "the metadata group refused to open the volume: " + message);
            case UNKNOWN -> {
                trouble = "waits for the metadata group: " + message;
                proposed = false;
                loop.schedule(PAUSE_NANOS, this::proposeWhenRecovered);
            }
            case OK, STALE_GEN -> {
                trouble = "";
                proposed = false;
                String failure = openAll(answers);
                if (failure != null) {
                    host.end(false, failure);
                }
            }
        }
    }

    /** Each slab is judged by itself; one that cannot be opened keeps the volume from opening. */
    private @Nullable String openAll(List<Truth.SlabOpened> answers) {
        for (Truth.SlabOpened answer : answers) {
            SlabHost slab = host.find(answer.index());
            if (slab == null || slab.point.phase() != AccessPoint.Phase.OPENING) {
                continue;
            }
            List<String> asked = slab.point.set().recovered();
            boolean sameIsr =
                    asked.size() == answer.isr().size() && answer.isr().containsAll(asked);
            // Another gen in our own epoch is our own earlier proposal whose answer was lost: nobody else may change
            // the set now.
            boolean committed = answer.outcome() == Truth.Outcome.OK
                    || (answer.outcome() == Truth.Outcome.STALE_GEN && answer.gen() > slab.gen && sameIsr);
            if (answer.outcome() == Truth.Outcome.STALE_EPOCH) {
                host.end(true, "a newer attach exists");
                return null;
            }
            if (!committed) {
                return "slab " + answer.index() + " was not opened: " + answer.outcome() + ", gen " + answer.gen();
            }
            slab.openCommitted(answer.gen());
        }
        for (SlabHost slab : host.slabs()) {
            if (slab.point.phase() == AccessPoint.Phase.OPENING) {
                slab.startEpoch();
            }
        }
        return null;
    }
}
