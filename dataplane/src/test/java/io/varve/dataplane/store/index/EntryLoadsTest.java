package io.varve.dataplane.store.index;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.dataplane.time.SimulatedLoop;
import io.varve.dataplane.time.SimulatedScheduler;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;

/** What is looked up while a checkpoint commits. */
@NullUnmarked
class EntryLoadsTest {
    private static final long STREAM = 7L << 16;
    private static final long KEY = EntryCache.key(0, 3, 0);

    private final SimulatedScheduler scheduler = new SimulatedScheduler(1);
    private final SimulatedLoop loop = scheduler.newLoop("store");
    private MemoryIndex index;
    private EntryCache cache;
    private EntryLoads loads;
    private boolean told;

    /** An entry whose first piece lies in {@code unit}. */
    private void commit(int unit) {
        EntryCache one = new EntryCache(1);
        int row = one.add(KEY);
        one.map(row, 0, 0, unit, 0xffff, 0);
        byte[] key = EntryCodec.key(STREAM, 3, 0);
        IndexBatch batch = new IndexBatch();
        batch.put(ExtentIndex.Table.EXTENT, key, new EntryCodec().encode(one, row, key));
        assertThat(index.commit(batch)).isNull();
        loads.committed();
    }

    @Test
    void neverTakesWhatIsOlderThanACommit() {
        for (long micros = 0; micros < 8_000; micros += 20) {
            index = new MemoryIndex();
            cache = new EntryCache(64);
            loads = new EntryLoads(loop, index, cache);
            told = false;
            commit(5);
            loop.execute(() -> loads.load(KEY, STREAM, new EntryLoads.Waiter() {
                @Override
                protected void entryReady() {
                    told = true;
                }
            }));
            scheduler.runFor(1 + micros * 1_000);
            boolean toldBefore = told;
            loop.execute(() -> commit(9));
            scheduler.runFor(100_000_000);
            assertThat(told).isTrue();
            assertThat(cache.unit(cache.find(KEY), 0))
                    .as("committed after %d us", micros)
                    .isEqualTo(toldBefore ? 5 : 9);
        }
    }
}
