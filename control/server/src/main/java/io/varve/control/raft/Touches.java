package io.varve.control.raft;

import io.varve.control.meta.MetaSubject;
import io.varve.control.meta.Outcome;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * What changed in the local copy since its one reader last asked. Told on Ratis' threads, which never wait for the reader: when too much gathers, it
 * becomes "everything". Safe from any thread.
 */
public final class Touches {
    /** A reader that is so far behind reads all anew. */
    static final int MAX_SUBJECTS = 16_384;

    private final Set<MetaSubject> subjects = new HashSet<>();
    private final Set<String> concerned = new HashSet<>();
    private boolean everything = true;
    private volatile Runnable reader = () -> {};

    /**
     * What is to be read.
     *
     * @param everything all of the state; the sets are empty then
     * @param subjects that were written or deleted
     * @param concerned nodes whose view changed
     */
    public record Batch(boolean everything, Set<MetaSubject> subjects, Set<String> concerned) {
        public Batch {
            subjects = Set.copyOf(subjects);
            concerned = Set.copyOf(concerned);
        }

        public boolean isEmpty() {
            return !everything && subjects.isEmpty() && concerned.isEmpty();
        }
    }

    /** Is called after every change, and when another member leads. Must not block. */
    public void onChange(Runnable wake) {
        reader = wake;
    }

    void applied(List<byte[]> keys, Outcome outcome) {
        synchronized (this) {
            if (!everything) {
                keys.forEach(key -> MetaSubject.of(key).ifPresent(subjects::add));
                concerned.addAll(outcome.concerned());
                if (outcome.concernsAll() || subjects.size() > MAX_SUBJECTS) {
                    forgetParts();
                }
            }
        }
        reader.run();
    }

    /** The whole state was loaded or replaced. */
    void loaded() {
        synchronized (this) {
            forgetParts();
        }
        reader.run();
    }

    void leaderChanged() {
        reader.run();
    }

    private void forgetParts() {
        everything = true;
        subjects.clear();
        concerned.clear();
    }

    /** What gathered; from now on it gathers anew. */
    public synchronized Batch take() {
        Batch batch = new Batch(everything, subjects, concerned);
        everything = false;
        subjects.clear();
        concerned.clear();
        return batch;
    }
}
