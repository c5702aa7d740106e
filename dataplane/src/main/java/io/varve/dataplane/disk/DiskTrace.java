package io.varve.dataplane.disk;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;

/**
 * What happened on a simulated disk since the recording began, step by step, so that a power cut can be tried after each of them.
 * The code under test adds notes (for instance "write 17 acknowledged"), which are handed back with every cut that comes after them.
 */
public final class DiskTrace {
    private final SimulatedMedium start;
    private final List<Step> steps = new ArrayList<>();

    DiskTrace(SimulatedMedium start) {
        this.start = start;
    }

    /** Marks what the outside has been told by now. */
    public void note(Object what) {
        steps.add(new Note(what));
    }

    /** Cuts are numbered from 0 (before the first step) to this. */
    public int length() {
        return steps.size();
    }

    /** The moments after every step, in order. A cut must be used before the next is asked for. */
    public Iterable<Cut> cuts() {
        return Cuts::new;
    }

    void add(Step step) {
        steps.add(step);
    }

    /**
     * A power cut after {@code steps} steps.
     *
     * @param notes what was noted before it, oldest first
     */
    public record Cut(int steps, List<Object> notes, CrashChoices choices) {}

    sealed interface Step {
        void applyTo(SimulatedMedium medium);
    }

    record StartWrite(long id, long firstBlock, List<byte[]> contents, boolean durable) implements Step {
        @Override
        public void applyTo(SimulatedMedium medium) {
            medium.startWrite(id, firstBlock, contents, durable);
        }
    }

    record EndWrite(long id) implements Step {
        @Override
        public void applyTo(SimulatedMedium medium) {
            medium.endWrite(id);
        }
    }

    record FailWrite(long id, long seed) implements Step {
        @Override
        public void applyTo(SimulatedMedium medium) {
            medium.failWrite(id, seed);
        }
    }

    record EndFlush(long reach) implements Step {
        @Override
        public void applyTo(SimulatedMedium medium) {
            medium.endFlush(reach);
        }
    }

    record FailFlush(long reach) implements Step {
        @Override
        public void applyTo(SimulatedMedium medium) {
            medium.failFlush(reach);
        }
    }

    record Note(Object what) implements Step {
        @Override
        public void applyTo(SimulatedMedium medium) {}
    }

    private final class Cuts implements Iterator<Cut> {
        private final SimulatedMedium medium = start.copy();
        private final List<Object> notes = new ArrayList<>();
        private int done = -1;

        @Override
        public boolean hasNext() {
            return done < steps.size();
        }

        @Override
        public Cut next() {
            if (done >= 0) {
                Step step = steps.get(done);
                step.applyTo(medium);
                if (step instanceof Note note) {
                    notes.add(note.what());
                }
            }
            done++;
            return new Cut(done, List.copyOf(notes), new CrashChoices(medium));
        }
    }
}
