package io.varve.simulator;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class RunTest {
    private final NodeDisk.Blank blank = new NodeDisk.Blank();

    @Test
    void sameSeedIsTheSameRun() {
        for (long seed = 1; seed <= 6; seed++) {
            Run.Result first = Run.of(seed, blank, fault -> true, null);
            List<String> lines = new ArrayList<>();
            Run.Result second = Run.of(seed, new NodeDisk.Blank(), fault -> true, lines::add);
            assertThat(first.what()).isEmpty();
            assertThat(second.digest()).as("seed %d", seed).isEqualTo(first.digest());
            assertThat(lines).isNotEmpty();
        }
    }

    @Test
    void leavesOutFaultsAndKeepsTheOthers() {
        Run.Result all = Run.of(3, blank, fault -> true, null);
        Run.Result one = Run.of(3, blank, fault -> fault.number() == 0, null);
        assertThat(all.faults()).hasSizeGreaterThan(1);
        assertThat(one.faults()).hasSize(1).isSubsetOf(all.faults());
    }
}
