package io.varve.dataplane.time;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

final class SimulatedSchedulerTest {
    private final List<String> trace = new ArrayList<>();

    @Test
    void keepsTheOrderOfTasksWithinALoop() {
        SimulatedScheduler scheduler = new SimulatedScheduler(1);
        SimulatedLoop loop = scheduler.newLoop("a");
        for (int i = 0; i < 5; i++) {
            String name = "t" + i;
            loop.execute(() -> trace.add(name));
        }
        scheduler.runUntilIdle();
        assertThat(trace).containsExactly("t0", "t1", "t2", "t3", "t4");
    }

    @Test
    void replaysARunFromItsSeed() {
        assertThat(run(7)).isEqualTo(run(7));
        assertThat(run(7)).isNotEqualTo(run(8));
    }

    private static List<String> run(long seed) {
        List<String> trace = new ArrayList<>();
        SimulatedScheduler scheduler = new SimulatedScheduler(seed);
        for (String name : List.of("a", "b", "c")) {
            SimulatedLoop loop = scheduler.newLoop(name);
            for (int i = 0; i < 10; i++) {
                String step = name + i;
                loop.execute(() -> {
                    trace.add(step + "@" + loop.nanos());
                    loop.offload(() -> {}, () -> trace.add(step + " offloaded@" + loop.nanos()));
                });
            }
        }
        scheduler.runUntilIdle();
        return trace;
    }

    @Test
    void runsTimersInOrderOfTimeAndMovesTheClockToThem() {
        SimulatedScheduler scheduler = new SimulatedScheduler(2);
        SimulatedLoop loop = scheduler.newLoop("a");
        long start = loop.nanos();
        loop.schedule(2_000_000, () -> trace.add("late"));
        loop.schedule(1_000_000, () -> trace.add("early"));
        Loop.Timer cancelled = loop.schedule(500_000, () -> trace.add("never"));
        assertThat(cancelled.cancel()).isTrue();
        assertThat(cancelled.cancel()).isFalse();
        scheduler.runFor(1_500_000);
        assertThat(trace).containsExactly("early");
        assertThat(loop.nanos()).isEqualTo(start + 1_500_000);
        scheduler.runUntilIdle();
        assertThat(trace).containsExactly("early", "late");
        assertThat(loop.nanos()).isBetween(start + 2_000_000, start + 2_010_000);
    }

    @Test
    void offloadsInOrderAndNotOnTheLoop() {
        SimulatedScheduler scheduler = new SimulatedScheduler(3);
        SimulatedLoop loop = scheduler.newLoop("a");
        loop.execute(() -> {
            for (int i = 0; i < 20; i++) {
                int number = i;
                loop.offload(
                        () -> trace.add("work" + number + loop.inLoop()),
                        () -> trace.add("then" + number + loop.inLoop()));
            }
        });
        scheduler.runUntilIdle();
        assertThat(trace.stream().filter(step -> step.startsWith("work")))
                .hasSize(20)
                .allMatch(step -> step.endsWith("false"))
                .isSortedAccordingTo((a, b) -> Integer.compare(numberOf(a), numberOf(b)));
        assertThat(trace.stream().filter(step -> step.startsWith("then")))
                .hasSize(20)
                .allMatch(step -> step.endsWith("true"));
    }

    private static int numberOf(String step) {
        return Integer.parseInt(step.replaceAll("\\D", ""));
    }

    @Test
    void dropsEverythingOfACrashedLoopAndNothingOfOthers() {
        SimulatedScheduler scheduler = new SimulatedScheduler(4);
        SimulatedLoop crashed = scheduler.newLoop("crashed");
        SimulatedLoop other = scheduler.newLoop("other");
        crashed.execute(() -> trace.add("task"));
        crashed.schedule(10, () -> trace.add("timer"));
        crashed.offload(() -> trace.add("worker"), () -> trace.add("then"));
        other.execute(() -> {
            crashed.crash();
            crashed.execute(() -> trace.add("later"));
            crashed.schedule(5, () -> trace.add("later timer"));
        });
        other.schedule(100, () -> trace.add("other"));
        // The other loop goes first: nothing of the crashed one has run.
        while (!crashed.isCrashed()) {
            trace.clear();
            scheduler.step();
        }
        trace.clear();
        scheduler.runUntilIdle();
        assertThat(trace).containsExactly("other");
    }

    @Test
    void runsNothingOnAPausedLoopUntilItsTime() {
        SimulatedScheduler scheduler = new SimulatedScheduler(5);
        SimulatedLoop loop = scheduler.newLoop("a");
        long start = loop.nanos();
        loop.pause(10_000_000);
        loop.execute(() -> trace.add("after " + (loop.nanos() - start) / 1_000_000 + " ms"));
        scheduler.runUntilIdle();
        assertThat(trace).containsExactly("after 10 ms");
    }

    @Test
    void letsClocksDiffer() {
        SimulatedScheduler scheduler = new SimulatedScheduler(6);
        SimulatedLoop ahead = scheduler.newLoop("ahead");
        SimulatedLoop other = scheduler.newLoop("other");
        ahead.advanceClock(5_000);
        assertThat(ahead.nanos() - other.nanos()).isEqualTo(5_000);
    }
}
