package io.varve.simulator;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import io.varve.dataplane.buffer.Buffers;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.LoggerFactory;

/** The command behind tests/simulate, which tells the options. */
final class Simulate {
    private static final int MOST_SHOWN = 3;
    private static final int LAST_LINES = 60;

    /** What the disk groups of one run need; else the pool takes and gives back the same memory in every run. */
    private static final int READY_BYTES = 64 << 20;

    private final NodeDisk.Blank blank = new NodeDisk.Blank();
    private long runs;
    private final List<Long> failed = new ArrayList<>();
    private long simulatedNanos;
    private long answered;
    private long unjudged;

    private Simulate() {}

    public static void main(String[] arguments) {
        ((Logger) LoggerFactory.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME)).setLevel(Level.OFF);
        Options options;
        try {
            options = Options.parse(arguments);
        } catch (IllegalArgumentException wrong) {
            System.err.println("tests/simulate: " + wrong.getMessage() + "; see tests/simulate --help");
            System.exit(2);
            return;
        }
        Buffers.keepReady(READY_BYTES);
        Simulate simulate = new Simulate();
        boolean isSound =
                options.replay() != null ? simulate.replay(options.replay(), options.only()) : simulate.runAll(options);
        System.exit(isSound ? 0 : 1);
    }

    private boolean runAll(Options options) {
        long began = System.nanoTime();
        long end = options.forNanos() == 0 ? Long.MAX_VALUE : began + options.forNanos();
        for (long seed = options.first(); runs < options.seeds() && System.nanoTime() < end; seed += options.step()) {
            Run.Result result = Run.of(seed, blank, fault -> true, null);
            runs++;
            simulatedNanos += result.simulatedNanos();
            answered += result.answered();
            unjudged += result.unjudged();
            if (!result.isSound()) {
                failed.add(seed);
                System.out.println("seed " + seed + " FAILED: " + result.what());
                if (options.stopsAtFirst()) {
                    break;
                }
                if (failed.size() <= MOST_SHOWN) {
                    explain(seed, result);
                }
            }
        }
        double seconds = (System.nanoTime() - began) / 1e9;
        // A machine that does other things besides makes the first of these long; the second is what one quiet core
        // takes.
        double processor = ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime() / 1e9;
        System.out.printf(
                "%d runs, %d failures: seeds %d to %d, %d requests answered, %.0f s simulated in %.1f s, %.1f s of processor time, %.0f times real time%s%s%n",
                runs,
                failed.size(),
                options.first(),
                options.first() + (runs - 1) * options.step(),
                answered,
                simulatedNanos / 1e9,
                seconds,
                processor,
                simulatedNanos / 1e9 / processor,
                unjudged == 0 ? "" : ", " + unjudged + " cells had too much in flight to be judged",
                failed.isEmpty() ? "" : "; failed: " + failed);
        return failed.isEmpty();
    }

    private void explain(long seed, Run.Result result) {
        List<Fault> fewest = new Shrinking(seed, blank, result).fewest();
        System.out.println("  " + result.scenario());
        System.out.println(
                "  it takes " + fewest.size() + " of " + result.faults().size() + " faults:");
        fewest.forEach(fault -> System.out.println("    " + fault));
        List<Integer> numbers = fewest.stream().map(Fault::number).toList();
        List<String> lines = new ArrayList<>();
        Run.of(seed, blank, fault -> numbers.contains(fault.number()), line -> {
            if (lines.size() == LAST_LINES) {
                lines.removeFirst();
            }
            lines.add(line);
        });
        System.out.println("  its last " + lines.size() + " lines:");
        lines.forEach(line -> System.out.println("    " + line));
        System.out.println("  all of it: tests/simulate --replay " + seed + " --only "
                + (numbers.isEmpty()
                        ? "none"
                        : String.join(",", numbers.stream().map(String::valueOf).toList())));
    }

    private boolean replay(long seed, @Nullable List<Integer> only) {
        Run.Result result =
                Run.of(seed, blank, fault -> only == null || only.contains(fault.number()), System.out::println);
        System.out.println("seed " + seed + ": " + result.scenario());
        result.faults().forEach(fault -> System.out.println("  " + fault));
        System.out.println(result.isSound() ? "nothing was broken" : "FAILED: " + result.what());
        System.out.println("digest " + Long.toHexString(result.digest()));
        return result.isSound();
    }
}
