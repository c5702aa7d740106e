package io.varve.dataplane.volume;

import io.varve.dataplane.replication.AttachSpec;
import io.varve.dataplane.replication.Truth;
import io.varve.dataplane.time.Loop;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/** The metadata group of a simulated cluster, for one volume: linearizable, sometimes slow, sometimes it loses its answer. */
final class SimulatedTruth {
    private static final class Slab {
        int gen = 1;
        List<String> isr = List.of();
    }

    private final SplittableRandom random;
    private final List<Slab> slabs = new ArrayList<>();
    private int epoch;
    /** One of so many answers is lost, before or after it was applied; 0: none. */
    int losesOneIn;

    /** Nobody answers. */
    boolean isAway;

    int opens;

    int shrinks;

    int grows;

    SimulatedTruth(long seed, List<List<String>> isrs) {
        random = new SplittableRandom(seed);
        for (List<String> isr : isrs) {
            Slab slab = new Slab();
            slab.isr = isr;
            slabs.add(slab);
        }
    }

    int epoch() {
        return epoch;
    }

    List<String> isr(int slab) {
        return slabs.get(slab).isr;
    }

    /** ATTACH: the next epoch, with the sets as they are now. */
    AttachSpec attach(AttachSpec template) {
        epoch++;
        List<AttachSpec.Slab> now = new ArrayList<>();
        for (int i = 0; i < slabs.size(); i++) {
            Slab slab = slabs.get(i);
            now.add(new AttachSpec.Slab(i, slab.gen, template.slabs().get(i).copies(), slab.isr));
        }
        return new AttachSpec(template.volume(), template.name(), template.sizeBytes(), epoch, "attach-" + epoch, now);
    }

    Truth on(Loop loop) {
        return new Truth() {
            @Override
            public void open(long volume, int ofEpoch, List<SlabOpen> asked, OpenCallback callback) {
                List<SlabIsr> sets = asked.stream()
                        .map(each -> new SlabIsr(each.index(), each.gen(), each.isr()))
                        .toList();
                opens += asked.size();
                compareAndSet(loop, ofEpoch, sets, callback);
            }

            @Override
            public void changeIsr(long volume, int ofEpoch, List<SlabIsr> asked, OpenCallback callback) {
                compareAndSet(loop, ofEpoch, asked, callback);
            }
        };
    }

    private void compareAndSet(Loop loop, int ofEpoch, List<Truth.SlabIsr> asked, Truth.OpenCallback callback) {
        loop.schedule(random.nextLong(100_000, 2_000_000), () -> {
            boolean lost = losesOneIn > 0 && random.nextInt(losesOneIn) == 0;
            if (isAway || (lost && random.nextBoolean())) {
                callback.done(Truth.Outcome.UNKNOWN, List.of(), "timed out");
                return;
            }
            if (ofEpoch != epoch) {
                callback.done(Truth.Outcome.STALE_EPOCH, List.of(), "");
                return;
            }
            List<Truth.SlabOpened> answers = new ArrayList<>();
            for (Truth.SlabIsr each : asked) {
                Slab slab = slabs.get(each.index());
                boolean isCurrent = slab.gen == each.gen();
                if (isCurrent) {
                    slab.gen++;
                    shrinks += each.isr().size() < slab.isr.size() ? 1 : 0;
                    grows += each.isr().size() > slab.isr.size() ? 1 : 0;
                    slab.isr = each.isr();
                }
                answers.add(new Truth.SlabOpened(
                        each.index(), isCurrent ? Truth.Outcome.OK : Truth.Outcome.STALE_GEN, slab.gen, slab.isr));
            }
            if (lost) {
                callback.done(Truth.Outcome.UNKNOWN, List.of(), "timed out");
            } else {
                callback.done(Truth.Outcome.OK, answers, "");
            }
        });
    }
}
