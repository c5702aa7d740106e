package io.varve.dataplane.frontend.nbd;

import io.netty.buffer.ByteBuf;
import io.varve.dataplane.time.Loop;
import io.varve.dataplane.volume.BlockRequest;
import io.varve.dataplane.volume.BlockStatus;
import io.varve.dataplane.volume.Volume;
import io.varve.model.Holder;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.TreeMap;

/** A sparse volume in memory, for the front end's tests. Confined to its loop; {@link Behaviour} makes it slow, full or broken. */
class MemoryVolume implements Volume {
    private static final int PAGE_BYTES = 64 << 10;

    /** What a test wants the volume to do. */
    enum Behaviour {
        /** Ends each request in the next turn of the loop. */
        PROMPT,
        /** Ends requests in random order, some turns later. */
        SHUFFLED,
        /** Ends no request until {@link #releaseHeld}. */
        HOLDING
    }

    private final String name;
    private final long sizeBytes;
    private final Loop loop;
    private final TreeMap<Long, byte[]> pages = new TreeMap<>();
    private final List<BlockRequest> held = new ArrayList<>();
    private final ArrayDeque<Runnable> drained = new ArrayDeque<>();
    private final Random random = new Random(7);
    private final Completing completing = new Completing();

    Holder holder = Holder.ANYBODY;
    Behaviour behaviour = Behaviour.PROMPT;
    BlockStatus outcome = BlockStatus.OK;
    int queueLimit = Integer.MAX_VALUE;
    boolean isHoldingBack;
    long maxPages = Long.MAX_VALUE;
    int mostHeld;
    int flushes;
    private boolean shuffleComing;

    MemoryVolume(String name, long sizeBytes, Loop loop) {
        this.name = name;
        this.sizeBytes = sizeBytes;
        this.loop = loop;
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public long sizeBytes() {
        return sizeBytes;
    }

    @Override
    public Holder holder() {
        return holder;
    }

    @Override
    public Loop loop() {
        return loop;
    }

    int held() {
        return held.size();
    }

    long allocatedBytes() {
        return (long) pages.size() * PAGE_BYTES;
    }

    @Override
    public void submit(BlockRequest request) {
        held.add(request);
        mostHeld = Math.max(mostHeld, held.size());
        switch (behaviour) {
            case PROMPT -> loop.execute(completing);
            case SHUFFLED -> shuffleSoon();
            case HOLDING -> {}
        }
    }

    private void shuffleSoon() {
        if (!shuffleComing) {
            shuffleComing = true;
            loop.schedule(200_000, this::shuffle);
        }
    }

    private void shuffle() {
        shuffleComing = false;
        Collections.shuffle(held, random);
        int some = (held.size() + 1) / 2;
        for (int i = 0; i < some; i++) {
            end(held.removeFirst(), outcome);
        }
        if (!held.isEmpty()) {
            shuffleSoon();
        }
    }

    /** Ends everything that is held, newest first. */
    void releaseHeld(BlockStatus status) {
        while (!held.isEmpty()) {
            end(held.removeLast(), status);
        }
    }

    private final class Completing implements Runnable {
        @Override
        public void run() {
            if (!held.isEmpty()) {
                end(held.removeFirst(), outcome);
            }
        }
    }

    private void end(BlockRequest request, BlockStatus wanted) {
        BlockStatus status = wanted == BlockStatus.OK ? apply(request) : wanted;
        ((NbdRequest) request).completed(status);
        while (canTakeMore() && !drained.isEmpty()) {
            drained.remove().run();
        }
    }

    private BlockStatus apply(BlockRequest request) {
        long offset = request.offsetBytes;
        int bytes = (int) Math.min(request.lengthBytes, Integer.MAX_VALUE);
        return switch (request.kind) {
            case READ -> read(offset, bytes, Objects.requireNonNull(request.data), request.dataIndex);
            case WRITE -> write(offset, bytes, Objects.requireNonNull(request.data), request.dataIndex);
            case ZERO -> zero(offset, request.lengthBytes, true);
            case UNMAP -> zero(offset, request.lengthBytes, false);
            case FLUSH -> {
                flushes++;
                yield BlockStatus.OK;
            }
        };
    }

    private BlockStatus read(long offset, int bytes, ByteBuf data, int index) {
        int done = 0;
        while (done < bytes) {
            long at = offset + done;
            int inPage = (int) (at % PAGE_BYTES);
            int now = Math.min(bytes - done, PAGE_BYTES - inPage);
            byte[] page = pages.get(at / PAGE_BYTES);
            if (page == null) {
                data.setZero(index + done, now);
            } else {
                data.setBytes(index + done, page, inPage, now);
            }
            done += now;
        }
        return BlockStatus.OK;
    }

    private BlockStatus write(long offset, int bytes, ByteBuf data, int index) {
        int done = 0;
        while (done < bytes) {
            long at = offset + done;
            int inPage = (int) (at % PAGE_BYTES);
            int now = Math.min(bytes - done, PAGE_BYTES - inPage);
            byte[] page = pages.get(at / PAGE_BYTES);
            if (page == null) {
                if (pages.size() >= maxPages) {
                    return BlockStatus.NO_SPACE;
                }
                page = new byte[PAGE_BYTES];
                pages.put(at / PAGE_BYTES, page);
            }
            data.getBytes(index + done, page, inPage, now);
            done += now;
        }
        return BlockStatus.OK;
    }

    private BlockStatus zero(long offset, long bytes, boolean keepSpace) {
        long end = offset + bytes;
        List<Long> touched = new ArrayList<>(pages.subMap(offset / PAGE_BYTES, true, (end - 1) / PAGE_BYTES, true)
                .keySet());
        for (long page : touched) {
            long begin = page * PAGE_BYTES;
            if (!keepSpace && offset <= begin && begin + PAGE_BYTES <= end) {
                pages.remove(page);
            } else {
                int from = (int) Math.max(offset - begin, 0);
                int to = (int) Math.min(end - begin, PAGE_BYTES);
                Arrays.fill(Objects.requireNonNull(pages.get(page)), from, to, (byte) 0);
            }
        }
        return BlockStatus.OK;
    }

    @Override
    public boolean canTakeMore() {
        return held.size() < queueLimit && !isHoldingBack;
    }

    @Override
    public boolean isHoldingBack() {
        return isHoldingBack;
    }

    /** Takes nothing, as if its clients had had what they may. */
    void holdBack(boolean on) {
        isHoldingBack = on;
        while (canTakeMore() && !drained.isEmpty()) {
            drained.remove().run();
        }
    }

    @Override
    public void onDrained(Runnable task) {
        drained.add(task);
    }

    @Override
    public void allocation(long offsetBytes, long lengthBytes, AllocationVisitor told) {
        long end = offsetBytes + lengthBytes;
        long at = offsetBytes;
        while (at < end) {
            Long page = pages.ceilingKey(at / PAGE_BYTES);
            long next = page == null ? end : Math.min(end, page * PAGE_BYTES);
            if (next > at) {
                if (!told.run(at, next - at, false)) {
                    return;
                }
                at = next;
                continue;
            }
            long runEnd = (at / PAGE_BYTES + 1) * PAGE_BYTES;
            while (runEnd < end && pages.containsKey(runEnd / PAGE_BYTES)) {
                runEnd += PAGE_BYTES;
            }
            runEnd = Math.min(end, runEnd);
            if (!told.run(at, runEnd - at, true)) {
                return;
            }
            at = runEnd;
        }
    }
}
