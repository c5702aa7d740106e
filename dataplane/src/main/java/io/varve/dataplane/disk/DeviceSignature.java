package io.varve.dataplane.disk;

import io.netty.buffer.ByteBuf;
import io.varve.dataplane.buffer.Buffers;
import io.varve.dataplane.check.Invariant;
import java.util.List;
import java.util.function.Consumer;

/**
 * What lies on a device already, judged by its first and its last MiB, so that nobody's data is overwritten by mistake. Only zeros
 * count as blank: data that is not recognised is somebody's too.
 *
 * @param isOwn the device carries a superblock of Varve, of this cluster or of another: the store looks closer
 * @param foreign what else was found, in the words of people, most telling first
 */
public record DeviceSignature(boolean isOwn, List<String> foreign) {
    /** How much of each end is looked at: every signature that matters lies within. */
    public static final int LOOKED_AT_BYTES = 1 << 20;

    private static final int ERASED_AT_ONCE = LOOKED_AT_BYTES;

    /** Recognises the superblock of the store, whose format is known there only. Given the first bytes of the device. */
    @FunctionalInterface
    public interface OwnMark {
        boolean isIn(ByteBuf firstBytes);
    }

    /** What became of looking. */
    public sealed interface Outcome {
        record Seen(DeviceSignature signature) implements Outcome {}

        record Unreadable(int errno) implements Outcome {}
    }

    public DeviceSignature {
        foreign = List.copyOf(foreign);
    }

    /** Nothing but zeros: free to be taken. */
    public boolean isBlank() {
        return !isOwn && foreign.isEmpty();
    }

    /** For the sentence "the device holds …". */
    public String describe() {
        if (isBlank()) {
            return "nothing";
        }
        String others = String.join(", ", foreign);
        if (!isOwn) {
            return others;
        }
        return others.isEmpty() ? "a Varve superblock" : "a Varve superblock, " + others;
    }

    /** Reads both ends of the device. On its loop; {@code then} runs there, later. */
    public static void look(Disk disk, OwnMark own, Consumer<Outcome> then) {
        int bytes = (int) Math.min(LOOKED_AT_BYTES, disk.sizeBytes());
        ByteBuf head = Buffers.aligned(bytes);
        ByteBuf tail = Buffers.aligned(bytes);
        disk.read(
                0,
                head,
                0,
                bytes,
                headResult -> disk.read(disk.sizeBytes() - bytes, tail, 0, bytes, tailResult -> {
                    Outcome outcome;
                    if (headResult < 0 || tailResult < 0) {
                        outcome = new Outcome.Unreadable(-Math.min(headResult, tailResult));
                    } else {
                        head.writerIndex(bytes);
                        tail.writerIndex(bytes);
                        outcome = new Outcome.Seen(of(head, tail, disk.sizeBytes(), own));
                    }
                    head.release();
                    tail.release();
                    then.accept(outcome);
                }));
    }

    /**
     * Overwrites both ends with zeros, so that no other tool sees there what once was (the backup of a GPT lies at the end). {@code then}
     * gets 0 or a negative errno when it is on stable storage.
     */
    public static void erase(Disk disk, DiskCallback then) {
        int bytes = (int) Math.min(ERASED_AT_ONCE, disk.sizeBytes());
        ByteBuf zeros = Buffers.aligned(bytes);
        zeros.writeZero(bytes);
        disk.write(
                0,
                zeros,
                0,
                bytes,
                true,
                head -> disk.write(disk.sizeBytes() - bytes, zeros, 0, bytes, true, tail -> {
                    zeros.release();
                    int worse = Math.min(head, tail);
                    if (worse < 0) {
                        then.done(worse);
                    } else {
                        disk.flush(then);
                    }
                }));
    }

    /** The judgement alone. {@code head} and {@code tail} hold the readable first and last bytes of a device of {@code sizeBytes}. */
    static DeviceSignature of(ByteBuf head, ByteBuf tail, long sizeBytes, OwnMark own) {
        Invariant.check(head.readerIndex() == 0 && tail.readerIndex() == 0, "both ends are read from their start");
        List<String> found = ForeignFormats.find(new DeviceEnds(head, tail, sizeBytes));
        boolean isOwn = own.isIn(head);
        boolean hasUnknown = found.isEmpty() && !isOwn && !(isZero(head) && isZero(tail));
        return new DeviceSignature(isOwn, hasUnknown ? List.of("data that is not recognised") : found);
    }

    private static boolean isZero(ByteBuf bytes) {
        return bytes.forEachByte(value -> value == 0) == -1;
    }
}
