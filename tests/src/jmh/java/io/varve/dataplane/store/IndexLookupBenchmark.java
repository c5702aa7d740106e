package io.varve.dataplane.store;

import io.varve.dataplane.store.index.EntryCache;
import io.varve.dataplane.store.index.EntryCodec;
import io.varve.dataplane.store.index.ExtentIndex.Entry;
import io.varve.dataplane.store.index.ExtentIndex.Table;
import io.varve.dataplane.store.index.IndexBatch;
import io.varve.dataplane.store.index.LmdbIndex;
import io.varve.model.Geometry;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/** Where a block is, in the order in which a read asks: overlay, cached extent entries, LMDB. Random extents of one slab. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class IndexLookupBenchmark {
    private static final int SLOT = 3;
    private static final long STREAM = 3;
    private static final int EXTENTS = Geometry.EXTENTS_PER_SLAB;
    /** 256 MiB of blocks: what the journal holds between two checkpoints. */
    private static final int OVERLAY_BLOCKS = 65_536;

    private final SplittableRandom random = new SplittableRandom(5);
    private final EntryCodec codec = new EntryCodec();
    private final int[] written = new int[OVERLAY_BLOCKS];
    private Overlay overlay;
    private EntryCache cache;
    private EntryCache loaded;
    private Path directory;
    private LmdbIndex index;

    @Setup(Level.Trial)
    public void fill() throws IOException {
        overlay = new Overlay(new DirectUnits(List.of()));
        for (int i = 0; i < OVERLAY_BLOCKS; i++) {
            written[i] = random.nextInt(Geometry.BLOCKS_PER_SLAB);
            overlay.put(SLOT, written[i], i + 1, Overlay.JOURNAL, i, i * 31, 0, i);
        }
        directory = Files.createTempDirectory("varve-jmh");
        index = LmdbIndex.open(directory, 1L << 30);
        cache = new EntryCache(EXTENTS);
        loaded = new EntryCache(1);
        IndexBatch batch = new IndexBatch();
        for (int extent = 0; extent < EXTENTS; extent++) {
            int row = cache.add(EntryCache.key(SLOT, extent, 0));
            for (int piece = 0; piece < Geometry.PIECES_PER_EXTENT; piece++) {
                cache.map(row, piece, 0, extent * Geometry.PIECES_PER_EXTENT + piece, 0xffff, 0);
            }
            byte[] key = EntryCodec.key(STREAM, extent, 0);
            batch.put(Table.EXTENT, key, codec.encode(cache, row, key));
        }
        String failure = index.commit(batch);
        if (failure != null) {
            throw new IOException(failure);
        }
    }

    @TearDown(Level.Trial)
    public void remove() throws IOException {
        index.close();
        try (Stream<Path> files = Files.walk(directory)) {
            files.sorted(Comparator.reverseOrder()).map(Path::toFile).forEach(File::delete);
        }
    }

    @Benchmark
    public long overlayHit() {
        int version = overlay.newest(SLOT, written[random.nextInt(OVERLAY_BLOCKS)], Long.MAX_VALUE);
        return overlay.location(version);
    }

    @Benchmark
    public int overlayMiss() {
        return overlay.newest(SLOT + 1, random.nextInt(Geometry.BLOCKS_PER_SLAB), Long.MAX_VALUE);
    }

    @Benchmark
    public int cachedEntry() {
        int block = random.nextInt(Geometry.BLOCKS_PER_SLAB);
        int row = cache.find(EntryCache.key(SLOT, block / Geometry.BLOCKS_PER_EXTENT, 0));
        return cache.unit(row, block / Geometry.BLOCKS_PER_PIECE % Geometry.PIECES_PER_EXTENT);
    }

    /** On the worker, never on the loop. */
    @Benchmark
    public int entryFromLmdb() {
        int extent = random.nextInt(EXTENTS);
        Entry found = index.seek(Table.EXTENT, EntryCodec.key(STREAM, extent, 0));
        int row = loaded.add(EntryCache.key(SLOT, 0, 0));
        codec.decode(found.key(), found.value(), loaded, row);
        return loaded.unit(row, 0);
    }
}
