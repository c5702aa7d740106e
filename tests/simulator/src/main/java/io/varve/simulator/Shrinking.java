package io.varve.simulator;

import java.util.ArrayList;
import java.util.List;

/**
 * Finds the fewest faults that still break the same rule, by leaving them out one by one until none can be spared. What a run without one of its faults
 * does is another run in every detail, so this is luck as well as logic; a failure that needs one fault instead of nine is worth it.
 */
final class Shrinking {
    private static final int MOST_RUNS = 200;

    private final long seed;
    private final NodeDisk.Blank blank;
    private final Run.Result failure;
    private int runs;

    Shrinking(long seed, NodeDisk.Blank blank, Run.Result failure) {
        this.seed = seed;
        this.blank = blank;
        this.failure = failure;
    }

    List<Fault> fewest() {
        List<Fault> left = new ArrayList<>(failure.faults());
        boolean isSmaller = true;
        while (isSmaller) {
            isSmaller = false;
            for (int i = 0; i < left.size() && runs < MOST_RUNS; i++) {
                List<Fault> fewer = new ArrayList<>(left);
                fewer.remove(i);
                if (fails(fewer)) {
                    left = fewer;
                    isSmaller = true;
                    i--;
                }
            }
        }
        return left;
    }

    private boolean fails(List<Fault> faults) {
        runs++;
        Run.Result result = Run.of(seed, blank, faults::contains, null);
        return result.rule() != null && result.rule().equals(failure.rule());
    }
}
