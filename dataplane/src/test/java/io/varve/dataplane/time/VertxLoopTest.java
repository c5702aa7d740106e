package io.varve.dataplane.time;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.dataplane.check.Invariant;
import io.vertx.core.Vertx;
import io.vertx.core.internal.ContextInternal;
import io.vertx.core.internal.VertxInternal;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

final class VertxLoopTest {
    private final LinkedBlockingQueue<Throwable> bugs = new LinkedBlockingQueue<>();
    private Vertx vertx;
    private ContextInternal context;
    private VertxLoop loop;

    @BeforeEach
    void start() {
        vertx = Vertx.vertx();
        context = ((VertxInternal) vertx).createEventLoopContext();
        loop = new VertxLoop(context, "test", bugs::add);
    }

    @AfterEach
    void stop() throws Exception {
        loop.close();
        vertx.close().await(10, TimeUnit.SECONDS);
    }

    @Test
    void keepsTheOrderOfEachProducer() throws Exception {
        int producers = 4;
        int tasks = 20_000;
        List<List<Integer>> seen = new ArrayList<>();
        CountDownLatch done = new CountDownLatch(producers * tasks);
        for (int p = 0; p < producers; p++) {
            List<Integer> mine = new ArrayList<>();
            seen.add(mine);
            Thread.ofPlatform().start(() -> {
                for (int i = 0; i < tasks; i++) {
                    int number = i;
                    loop.execute(() -> {
                        mine.add(number);
                        done.countDown();
                    });
                }
            });
        }
        assertThat(done.await(30, TimeUnit.SECONDS)).isTrue();
        assertThat(seen).allSatisfy(mine -> assertThat(mine).hasSize(tasks).isSorted());
    }

    @Test
    void runsTasksTimersAndContinuationsOnTheLoopWithItsContext() throws Exception {
        CompletableFuture<List<Boolean>> result = new CompletableFuture<>();
        loop.execute(() -> {
            List<Boolean> checks = new ArrayList<>();
            checks.add(loop.inLoop() && context.equals(ContextInternal.current()));
            loop.offload(() -> checks.add(!loop.inLoop()), () -> {
                checks.add(loop.inLoop() && context.equals(ContextInternal.current()));
                loop.schedule(1_000_000, () -> {
                    checks.add(loop.inLoop() && context.equals(ContextInternal.current()));
                    result.complete(checks);
                });
            });
        });
        assertThat(result.get(10, TimeUnit.SECONDS)).containsExactly(true, true, true, true);
    }

    @Test
    void doesNotRunATaskInsideTheCallThatGivesIt() throws Exception {
        CompletableFuture<Boolean> inside = new CompletableFuture<>();
        loop.execute(() -> {
            boolean[] returned = new boolean[1];
            loop.execute(() -> inside.complete(!returned[0]));
            returned[0] = true;
        });
        assertThat(inside.get(10, TimeUnit.SECONDS)).isFalse();
    }

    @Test
    void dropsTasksAndTimersAfterItsEnd() {
        vertx.close().await();
        loop.execute(() -> {
            throw new AssertionError("nobody runs it");
        });
        loop.execute(() -> {});
        assertThat(loop.schedule(1, () -> {}).cancel()).isFalse();
    }

    @Test
    void cancelsTimers() throws Exception {
        CompletableFuture<List<String>> result = new CompletableFuture<>();
        loop.execute(() -> {
            List<String> ran = new ArrayList<>();
            Loop.Timer timer = loop.schedule(1_000_000, () -> ran.add("cancelled"));
            ran.add("cancel " + timer.cancel());
            loop.schedule(3_000_000, () -> result.complete(ran));
        });
        assertThat(result.get(10, TimeUnit.SECONDS)).containsExactly("cancel true");
    }

    @Test
    void runsOffloadedWorkInOrderOneAtATime() throws Exception {
        List<Integer> order = new ArrayList<>();
        CompletableFuture<Integer> done = new CompletableFuture<>();
        loop.execute(() -> {
            for (int i = 0; i < 1000; i++) {
                int number = i;
                loop.offload(() -> order.add(number), () -> {
                    if (number == 999) {
                        done.complete(number);
                    }
                });
            }
        });
        done.get(10, TimeUnit.SECONDS);
        assertThat(order).hasSize(1000).isSorted();
    }

    @Test
    void readsDoNotWaitBehindWhatElseIsOffloaded() throws Exception {
        CompletableFuture<Boolean> read = new CompletableFuture<>();
        loop.execute(() -> {
            loop.offload(read::join, () -> {});
            loop.offloadRead(() -> {}, () -> read.complete(loop.inLoop()));
        });
        assertThat(read.get(10, TimeUnit.SECONDS)).isTrue();
    }

    @Test
    void tellsOfEveryBug() throws Exception {
        IllegalStateException inTask = new IllegalStateException("task");
        IllegalStateException inTimer = new IllegalStateException("timer");
        IllegalStateException inWork = new IllegalStateException("work");
        AssertionError inHandler = new AssertionError("handler");
        loop.execute(() -> {
            throw inTask;
        });
        assertThat(bugs.poll(10, TimeUnit.SECONDS)).isSameAs(inTask);
        loop.execute(() -> loop.schedule(1, () -> {
            throw inTimer;
        }));
        assertThat(bugs.poll(10, TimeUnit.SECONDS)).isSameAs(inTimer);
        loop.execute(() -> loop.offload(
                () -> {
                    throw inWork;
                },
                () -> {}));
        assertThat(bugs.poll(10, TimeUnit.SECONDS)).isSameAs(inWork);
        context.runOnContext(nothing -> {
            throw inHandler;
        });
        assertThat(bugs.poll(10, TimeUnit.SECONDS)).isSameAs(inHandler);
    }

    @Test
    void goesOnAfterAFailedHandler() throws Exception {
        context.runOnContext(nothing -> {
            throw new IllegalStateException("what a client can provoke");
        });
        CompletableFuture<Boolean> alive = new CompletableFuture<>();
        loop.execute(() -> alive.complete(true));
        assertThat(alive.get(10, TimeUnit.SECONDS)).isTrue();
        assertThat(bugs).isEmpty();
    }

    @Test
    void readsAClockThatGoesForward() {
        long last = loop.nanos();
        for (int i = 0; i < 100_000; i++) {
            long now = loop.nanos();
            assertThat(now).isGreaterThanOrEqualTo(last);
            last = now;
        }
    }

    @Test
    void readsTheTimeSinceTheMachineStarted() throws Exception {
        String uptime = Files.readString(Path.of("/proc/uptime"));
        double uptimeSeconds = Double.parseDouble(uptime.substring(0, uptime.indexOf(' ')));
        assertThat(loop.nanos() / 1e9).isBetween(uptimeSeconds - 1, uptimeSeconds + 60);
    }

    /** In a process of its own, since it ends. */
    @Test
    void stopsTheProcessOnABug() throws Exception {
        Process process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-cp",
                        System.getProperty("java.class.path"),
                        "--enable-native-access=ALL-UNNAMED",
                        ProcessWithABug.class.getName())
                .redirectErrorStream(true)
                .start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as(output).isEqualTo(VertxLoop.EXIT_BUG);
        assertThat(output).contains("FATAL a bug stops this process").contains("the answer: 41, 42");
    }

    /** A node whose invariant breaks on its loop. */
    static final class ProcessWithABug {
        public static void main(String[] args) throws Exception {
            Vertx vertx = Vertx.vertx();
            VertxLoop loop =
                    new VertxLoop(((VertxInternal) vertx).createEventLoopContext(), "bug", VertxLoop::haltProcess);
            loop.execute(() -> Invariant.check(false, "the answer", 41, 42));
            new CountDownLatch(1).await();
        }
    }
}
