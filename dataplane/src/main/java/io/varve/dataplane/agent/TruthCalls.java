package io.varve.dataplane.agent;

import io.varve.api.ChangeIsrRequest;
import io.varve.api.OpenRequest;
import io.varve.api.OpenResponse;
import io.varve.api.TruthCode;
import io.varve.dataplane.replication.Truth;
import io.varve.dataplane.time.Loop;
import io.vertx.core.Future;
import java.util.List;

/** What access points ask the metadata group, over its API. Any number may be under way. Confined to its loop. */
public final class TruthCalls implements Truth {
    private final Loop loop;
    private final io.varve.api.Truth api;

    public TruthCalls(Loop loop, io.varve.api.Truth api) {
        this.loop = loop;
        this.api = api;
    }

    @Override
    public void open(long volume, int epoch, List<SlabOpen> slabs, OpenCallback callback) {
        OpenRequest.Builder request = OpenRequest.newBuilder().setVolume(volume).setEpoch(epoch);
        for (SlabOpen slab : slabs) {
            request.addSlabs(io.varve.api.SlabOpen.newBuilder()
                    .setIndex(slab.index())
                    .setGen(slab.gen())
                    .addAllIsr(slab.isr())
                    .setStartSeq(slab.startSeq()));
        }
        answer(api.open(request.build()), callback);
    }

    @Override
    public void changeIsr(long volume, int epoch, List<SlabIsr> slabs, OpenCallback callback) {
        ChangeIsrRequest.Builder request =
                ChangeIsrRequest.newBuilder().setVolume(volume).setEpoch(epoch);
        for (SlabIsr slab : slabs) {
            request.addSlabs(io.varve.api.SlabIsr.newBuilder()
                    .setIndex(slab.index())
                    .setGen(slab.gen())
                    .addAllIsr(slab.isr()));
        }
        answer(api.changeIsr(request.build()), callback);
    }

    /** A call that failed may still be carried out, now or later. */
    private void answer(Future<OpenResponse> asked, OpenCallback callback) {
        asked.onComplete(answer -> loop.execute(() -> {
            if (answer.failed()) {
                callback.done(
                        Outcome.UNKNOWN,
                        List.of(),
                        String.valueOf(answer.cause().getMessage()));
            } else {
                tell(answer.result(), callback);
            }
        }));
    }

    private static void tell(OpenResponse response, OpenCallback callback) {
        List<SlabOpened> slabs = response.getSlabsList().stream()
                .map(slab -> new SlabOpened(slab.getIndex(), outcome(slab.getCode()), slab.getGen(), slab.getIsrList()))
                .toList();
        callback.done(
                outcome(response.getResult().getCode()),
                slabs,
                response.getResult().getMessage());
    }

    private static Outcome outcome(TruthCode code) {
        return switch (code) {
            case TRUTH_OK -> Outcome.OK;
            case TRUTH_STALE_EPOCH -> Outcome.STALE_EPOCH;
            case TRUTH_STALE_GEN -> Outcome.STALE_GEN;
            case TRUTH_UNKNOWN, TRUTH_REFUSED, UNRECOGNIZED -> Outcome.REFUSED;
        };
    }
}
