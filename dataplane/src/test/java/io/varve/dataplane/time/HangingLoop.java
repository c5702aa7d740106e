package io.varve.dataplane.time;

/** Another loop, whose worker for short reads can hang: what it is given from then on never ends. */
public final class HangingLoop implements Loop {
    private final Loop loop;
    private final long longestDelayNanos;
    private boolean isHanging;

    /** {@code longestDelayNanos}: what is scheduled for later comes then, so that a test need not wait for the limits of the product. */
    public HangingLoop(Loop loop, long longestDelayNanos) {
        this.loop = loop;
        this.longestDelayNanos = longestDelayNanos;
    }

    /** On the loop. */
    public void hang() {
        isHanging = true;
    }

    @Override
    public void offloadRead(Runnable blocking, Runnable then) {
        if (!isHanging) {
            loop.offloadRead(blocking, then);
        }
    }

    @Override
    public Timer schedule(long delayNanos, Runnable task) {
        return loop.schedule(Math.min(delayNanos, longestDelayNanos), task);
    }

    @Override
    public long nanos() {
        return loop.nanos();
    }

    @Override
    public long unixMillis() {
        return loop.unixMillis();
    }

    @Override
    public void execute(Runnable task) {
        loop.execute(task);
    }

    @Override
    public void offload(Runnable blocking, Runnable then) {
        loop.offload(blocking, then);
    }

    @Override
    public boolean inLoop() {
        return loop.inLoop();
    }
}
