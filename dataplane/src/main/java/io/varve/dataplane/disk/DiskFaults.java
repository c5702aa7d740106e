package io.varve.dataplane.disk;

import io.varve.dataplane.check.Invariant;
import io.varve.model.Geometry;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/** What goes wrong with a {@link SimulatedDisk}, set by the test that owns it. Confined to the simulation's thread. */
public final class DiskFaults {
    /** Which operations a fault strikes. */
    public enum Target {
        READ,
        WRITE,
        FLUSH
    }

    private final List<Failure> failures = new ArrayList<>();
    private boolean isLying;
    private boolean isHanging;
    private long extraLatencyNanos;
    private int writesToDrop;
    private long misdirectBytes;
    private int startsUntilThen;
    private Runnable then = () -> {};
    private String problem = "";

    /** Every operation of that kind which touches the range fails, until {@link #heal}. */
    public void fail(Target target, long offset, long length, int errno) {
        failures.add(new Failure(target, offset, length, errno, 1));
    }

    /** Every operation of that kind fails: a disk that is gone (EIO), or a full file system under it (ENOSPC). */
    public void fail(Target target, int errno) {
        fail(target, 0, Long.MAX_VALUE, errno);
    }

    /** Operations of that kind fail now and then, one in {@code oneIn}. */
    public void failSometimes(Target target, int errno, int oneIn) {
        failures.add(new Failure(target, 0, Long.MAX_VALUE, errno, oneIn));
    }

    /** A lying disk: says "stable" and keeps everything in its cache. */
    public void lie(boolean lying) {
        isLying = lying;
    }

    /** Nothing completes any more until {@link SimulatedDisk#resume}. */
    public void hang() {
        isHanging = true;
    }

    /** Every operation takes that much longer. */
    public void slowDown(long nanos) {
        extraLatencyNanos = nanos;
    }

    /** The next {@code count} writes are acknowledged and never done. */
    public void dropWrites(int count) {
        writesToDrop = count;
    }

    /** The next write goes that many bytes beside its place (around the end of the device), and is acknowledged. */
    public void misdirectNextWrite(long bytes) {
        Invariant.check(bytes % Geometry.BLOCK_BYTES == 0 && bytes >= 0, "distance of a misdirected write", bytes);
        misdirectBytes = bytes;
    }

    /** Runs {@code then} as the {@code count}-th operation from now on is under way. It must not use the disk. */
    public void whenStarted(int count, Runnable then) {
        startsUntilThen = count;
        this.then = then;
    }

    void started() {
        if (startsUntilThen > 0 && --startsUntilThen == 0) {
            then.run();
        }
    }

    /** What a look at the device finds: {@code problem} is a sentence, empty if nothing is wrong. */
    public void vanish(String sentence) {
        problem = sentence;
    }

    /** Everything works again, except for a hang: that ends with {@link SimulatedDisk#resume}. */
    public void heal() {
        failures.clear();
        isLying = false;
        extraLatencyNanos = 0;
        writesToDrop = 0;
        misdirectBytes = 0;
        startsUntilThen = 0;
        problem = "";
    }

    void resume() {
        isHanging = false;
    }

    String problem() {
        return problem;
    }

    boolean isLying() {
        return isLying;
    }

    boolean isHanging() {
        return isHanging;
    }

    long extraLatencyNanos() {
        return extraLatencyNanos;
    }

    boolean takeDroppedWrite() {
        if (writesToDrop == 0) {
            return false;
        }
        writesToDrop--;
        return true;
    }

    long redirect(long offset, long length, long sizeBytes) {
        long beside = offset + misdirectBytes;
        misdirectBytes = 0;
        return beside + length <= sizeBytes ? beside : beside % Math.max(Geometry.BLOCK_BYTES, sizeBytes - length);
    }

    /** 0 if the operation may succeed. */
    int errnoFor(Target target, long offset, long length, SplittableRandom random) {
        for (Failure failure : failures) {
            if (failure.strikes(target, offset, length) && (failure.oneIn == 1 || random.nextInt(failure.oneIn) == 0)) {
                return failure.errno;
            }
        }
        return 0;
    }

    private record Failure(Target target, long offset, long length, int errno, int oneIn) {
        boolean strikes(Target kind, long from, long count) {
            return kind == target && from < saturated(offset, length) && offset < saturated(from, count);
        }

        private static long saturated(long from, long count) {
            return count > Long.MAX_VALUE - from ? Long.MAX_VALUE : from + count;
        }
    }
}
