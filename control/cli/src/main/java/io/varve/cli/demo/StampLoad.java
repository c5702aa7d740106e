package io.varve.cli.demo;

import io.varve.cli.demo.BlockStamp.Found;
import io.varve.cli.process.Teardown;
import java.io.IOException;
import java.time.Duration;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.atomic.LongAdder;

/**
 * Drives a volume from user space: several NBD clients write stamped blocks at random and read them back. Each client
 * owns its own blocks, so that it knows what it must find. The stamps stay: a later run reads those of an earlier one.
 */
final class StampLoad {
    static final int CLIENTS = 8;
    /** Blocks of one client: 32 MiB, so that most are written several times in a minute. */
    private static final int BLOCKS = 8_192;
    /** Read at once while looking for what an earlier run left. */
    private static final int SCAN_BLOCKS = 256;
    /** One read for each three requests. */
    private static final int READ_EVERY = 3;

    private static final Duration STOP_LIMIT = Duration.ofSeconds(1);

    private final String uri;
    private final LongAdder operations = new LongAdder();
    private final LongAdder found = new LongAdder();
    private final AtomicReference<String> failure = new AtomicReference<>("");
    private final CountDownLatch scanned = new CountDownLatch(CLIENTS);
    private final CountDownLatch ended = new CountDownLatch(CLIENTS);
    private volatile boolean stopping;

    private StampLoad(String uri) {
        this.uri = uri;
    }

    /** Starts the clients; each first reads its blocks, which an earlier run may have stamped. */
    static StampLoad start(String uri, Teardown teardown) {
        var load = new StampLoad(uri);
        teardown.add("stop the NBD clients", STOP_LIMIT.plusSeconds(1), limit -> load.stop());
        for (var client = 0; client < CLIENTS; client++) {
            var number = client;
            Thread.ofVirtual().name("nbd-client-" + client).start(() -> load.run(number));
        }
        return load;
    }

    private void run(int client) {
        var waitedFor = true;
        try (var nbd = NbdClient.connect(uri)) {
            var blocks = (int) Math.min(BLOCKS, nbd.sizeBytes() / BlockStamp.BLOCK_BYTES / CLIENTS);
            var first = (long) client * blocks;
            var numbers = scan(nbd, first, blocks);
            scanned.countDown();
            waitedFor = false;
            drive(nbd, first, numbers, new SplittableRandom(client));
        } catch (IOException e) {
            failure.compareAndSet("", "NBD client " + client + ": " + e.getMessage());
        } finally {
            if (waitedFor) {
                scanned.countDown();
            }
            ended.countDown();
        }
    }

    /** The number that each block holds; 0 for one never written. */
    private long[] scan(NbdClient nbd, long first, int blocks) throws IOException {
        var numbers = new long[blocks];
        for (var index = 0; index < blocks && !stopping; index += SCAN_BLOCKS) {
            var run = new byte[Math.min(SCAN_BLOCKS, blocks - index) * BlockStamp.BLOCK_BYTES];
            nbd.read((first + index) * BlockStamp.BLOCK_BYTES, run);
            for (var at = 0; at < run.length; at += BlockStamp.BLOCK_BYTES) {
                var place = index + at / BlockStamp.BLOCK_BYTES;
                var block = Arrays.copyOfRange(run, at, at + BlockStamp.BLOCK_BYTES);
                numbers[place] = numberIn(block, first + place);
            }
        }
        return numbers;
    }

    private long numberIn(byte[] block, long index) throws IOException {
        return switch (BlockStamp.read(block, index)) {
            case Found.Nothing() -> 0;
            case Found.Write(var number) -> {
                found.increment();
                yield number;
            }
            case Found.Damage(var what) -> throw new IOException("block " + index + " holds " + what);
        };
    }

    private void drive(NbdClient nbd, long first, long[] numbers, SplittableRandom random) throws IOException {
        var block = new byte[BlockStamp.BLOCK_BYTES];
        for (var turn = 0L; !stopping && numbers.length > 0; turn++) {
            var index = random.nextInt(numbers.length);
            var offset = (first + index) * BlockStamp.BLOCK_BYTES;
            if (turn % READ_EVERY == 0) {
                nbd.read(offset, block);
                expect(BlockStamp.read(block, first + index), numbers[index], first + index);
            } else {
                BlockStamp.write(block, first + index, numbers[index] + 1);
                nbd.write(offset, block);
                numbers[index]++;
            }
            operations.increment();
        }
    }

    private static void expect(Found found, long number, long block) throws IOException {
        var right = switch (found) {
            case Found.Nothing() -> number == 0;
            case Found.Write(var read) -> read == number;
            case Found.Damage damage -> false;
        };
        if (!right) {
            throw new IOException("block " + block + " should hold write " + number + ", but there is " + found);
        }
    }

    /** Waits until every client has read its blocks, and answers how many stamps of earlier runs there were. */
    long awaitFound() throws InterruptedException {
        scanned.await();
        return found.sum();
    }

    long operations() {
        return operations.sum();
    }

    /** Empty as long as every answer was right. */
    String failure() {
        return failure.get();
    }

    String stop() throws InterruptedException {
        stopping = true;
        return ended.await(STOP_LIMIT.toMillis(), TimeUnit.MILLISECONDS) ? "" : "some clients still wait for an answer";
    }
}
