package io.varve.cli.demo;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.api.GroupStats;
import io.varve.api.NodeStats;
import io.varve.api.ReplicaStats;
import io.varve.api.Slab;
import io.varve.api.Volume;
import io.varve.api.VolumeStats;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

final class LiveViewTest {
    private static final LiveFigures BEFORE = figures(1_000_000_000L, 1000, 10.0);
    private static final LiveFigures NOW = figures(3_000_000_000L, 5000, 11.0);

    private static final Volume VOLUME = Volume.newBuilder()
            .addSlabs(Slab.newBuilder().setIndex(0).addIsr("g-1"))
            .build();

    private static LiveFigures figures(long nanos, long writes, double cpu) {
        var node = NodeStats.newBuilder()
                .setResidentBytes(200L << 20)
                .setCpuSeconds(cpu)
                .addVolumes(VolumeStats.newBuilder()
                        .setName("demo")
                        .setWrites(writes)
                        .setWrittenBytes(writes * 4096)
                        .setWriteP50Micros(310)
                        .setWriteP99Micros(1210)
                        .setState("HEALTHY"))
                .addReplicas(ReplicaStats.newBuilder()
                        .setStream(1 << 16)
                        .setGroup("g-1")
                        .setState("INSYNC")
                        .setDurableSeq(writes))
                .addGroups(GroupStats.newBuilder()
                        .setAllocatedBytes(512L << 20)
                        .setJournalBytes(100)
                        .setJournalUsedBytes(12))
                .build();
        return new LiveFigures(nanos, Map.of("n1", node));
    }

    private static LiveView.Moment moment() {
        return new LiveView.Moment(
                Duration.ofSeconds(3_725),
                "PostgreSQL 1234 transactions/s",
                BEFORE,
                NOW,
                Map.of("n1", "up", "n2", "down"));
    }

    @Test
    void drawsRatesLatenciesNodesAndReplicas() {
        var picture =
                new LiveView(new PrintWriter(new StringWriter()), true, List.of("n1", "n2"), VOLUME).picture(moment());

        assertThat(picture).startsWith("01:02:05   PostgreSQL 1234 transactions/s\nvolume  healthy\n");
        assertThat(picture).containsPattern("write +2000 +7\\.8MiB +310us +1\\.2ms");
        assertThat(picture).containsPattern("n1 +up +512MiB +0B +12% +200MiB +50% +slab 0 in sync seq 5000");
        assertThat(picture).containsPattern("n2 +down +0B");
    }

    @Test
    void saysOneLineASecondWhereNobodyDraws() {
        var out = new StringWriter();
        new LiveView(new PrintWriter(out), false, List.of("n1", "n2"), VOLUME).show(moment());

        assertThat(out.toString())
                .isEqualTo("01:02:05  PostgreSQL 1234 transactions/s  2000 IOPS  write p50 310us p99 1.2ms"
                        + "  read p50 - p99 -  stored n1 512MiB n2 0B  replicas 1 in sync, 1 n2 down\n");
    }

    @Test
    void redrawsInPlaceOnATerminal() {
        var out = new StringWriter();
        var view = new LiveView(new PrintWriter(out), true, List.of("n1"), VOLUME);
        view.show(moment());
        var lines = out.toString().lines().count();
        view.show(moment());

        assertThat(out.toString()).contains("\u001b[" + lines + "A\u001b[J");
    }
}
