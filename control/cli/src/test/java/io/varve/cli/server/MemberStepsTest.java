package io.varve.cli.server;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class MemberStepsTest {
    @Test
    void whatIsDoneAgainWaitsOnce() throws InterruptedException {
        List<Integer> done = new CopyOnWriteArrayList<>();
        var last = new CountDownLatch(1);
        try (var steps = new MemberSteps()) {
            for (int i = 1; i <= 3; i++) {
                int number = i;
                steps.again(() -> {
                    done.add(number);
                    last.countDown();
                });
            }
            assertThat(steps.waiting()).isEqualTo(1);
            assertThat(last.await(60, TimeUnit.SECONDS)).isTrue();
        }
        assertThat(done).containsExactly(3);
    }
}
