package io.varve.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.api.Departure;
import io.varve.api.Rebuild;
import io.varve.api.RebuildList;
import io.varve.cli.command.ExitCode;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** How nodes and disks leave, settings and rebuilds, as a person types them; against a server that speaks the real API over a real socket. */
final class LeaveCommandsTest {
    private static final Departure STAYS = Departure.newBuilder()
            .setCopies(3)
            .setHeard(true)
            .addVolumes("db")
            .addReasons("3 copies of volume db are still there: varve node drain n1 moves them away")
            .build();

    private static final Departure GOES =
            Departure.newBuilder().setSafe(true).setHeard(true).build();

    private SmallCluster cluster;

    @BeforeEach
    void start() {
        cluster = new SmallCluster();
    }

    @AfterEach
    void stop() {
        cluster.close();
    }

    private record Outcome(int code, String out, String err) {}

    private Outcome varve(String... words) {
        var line = new ArrayList<>(List.of(words));
        line.addAll(List.of("--server", cluster.address()));
        var out = new StringWriter();
        var err = new StringWriter();
        var code = Main.commandLine()
                .setOut(new PrintWriter(out))
                .setErr(new PrintWriter(err))
                .execute(line.toArray(String[]::new));
        return new Outcome(code, out.toString(), err.toString());
    }

    @Test
    void checkSaysYesOrNoAndWhyAndScriptsGetItAsExitCode() {
        cluster.departures.add(STAYS);
        var node = varve("node", "check", "n1");
        assertThat(node.code).isEqualTo(ExitCode.NOT_SAFE);
        assertThat(node.out)
                .startsWith("Safe: no, n1 must stay.\n")
                .contains("! 3 copies of volume db are still there");
        assertThat(varve("disk", "check", "n1/fast").code).isEqualTo(ExitCode.NOT_SAFE);
        cluster.departures.clear();
        cluster.departures.add(GOES);
        assertThat(varve("node", "check", "n1").out)
                .isEqualTo("Safe: yes. Nothing depends on n1.\nTo strike it off: varve node remove n1\n");
        var disk = varve("disk", "check", "n1/fast", "-o", "json");
        assertThat(disk.code).isEqualTo(ExitCode.OK);
        assertThat(disk.out).containsPattern("\"safe\": ?true").containsPattern("\"group\": ?\"fast\"");
    }

    @Test
    void drainWaitsUntilTheNodeIsEmpty() {
        cluster.departures.addAll(List.of(STAYS, GOES));
        var drained = varve("node", "drain", "n1", "--wait");
        assertThat(cluster.ordered).isEqualTo("drain n1");
        assertThat(drained.out).startsWith("n1 is empty.\nSafe: yes.");
        assertThat(varve("node", "drain", "n1").out).contains("'varve node check n1' tells when it may go");
        assertThat(varve("node", "undrain", "n1").out).isEqualTo("n1 is drained no longer.\n");
        assertThat(cluster.ordered).isEqualTo("undrain n1");
    }

    @Test
    void aWaitThatTakesTooLongSaysWhatIsLeft() {
        cluster.departures.add(STAYS);
        var drained = varve("node", "drain", "n1", "--wait", "--timeout", "500ms");
        assertThat(drained.code).isEqualTo(ExitCode.FAILED);
        assertThat(drained.err).contains("n1 is not empty", "3 copies of volume db", "It goes on by itself");
    }

    @Test
    void removeIsRefusedInTheServersWords() {
        assertThat(varve("node", "remove", "n1").err)
                .contains("node 'n1' stays: 3 copies of volume db are still there");
        assertThat(varve("node", "remove", "n4").out).startsWith("Removed n4.");
    }

    @Test
    void replaceEmptiesTheGroupStrikesItOffAndTellsTheRest() {
        cluster.departures.addAll(List.of(STAYS, GOES));
        var replaced = varve("disk", "replace", "n1/fast", "--wait");
        assertThat(cluster.ordered).isEqualTo("remove n1 fast");
        assertThat(replaced.out).startsWith("Removed n1/fast").contains("varve disk add PATH --node n1");
        assertThat(varve("disk", "replace", "n1/fast").out)
                .contains("varve disk check n1/fast", "varve disk remove n1/fast");
        assertThat(varve("disk", "evict", "n1/fast", "--undo").out).isEqualTo("n1/fast is evicted no longer.\n");
        assertThat(varve("disk", "evict", "fast").err).contains("'fast' is no NODE/GROUP");
        assertThat(varve("disk", "evict", "fast").code).isEqualTo(ExitCode.USAGE);
    }

    @Test
    void retryTellsWhichGroupsServeAgain() {
        var fast = varve("disk", "retry", "n1/fast");
        assertThat(fast.code).isEqualTo(ExitCode.OK);
        assertThat(fast.out).contains("fast", "OK");
        var all = varve("disk", "retry", "n1");
        assertThat(all.code).isEqualTo(ExitCode.FAILED);
        assertThat(all.out).contains("FAILED", "n1 /dev/sdb: still hangs");
        assertThat(varve("disk", "retry", "n1/serves").err).contains("there is nothing to be opened");
        assertThat(varve("disk", "retry", "n1/").code).isEqualTo(ExitCode.USAGE);
    }

    @Test
    void settingsAreShownAndChanged() {
        assertThat(varve("cluster", "settings").out).containsPattern("rebuild.grace +10m +10m +15s to 7d");
        assertThat(varve("cluster", "set", "rebuild.grace=30m", "balance.enabled=false").out)
                .containsPattern("rebuild.grace +30m +10m")
                .containsPattern("balance.enabled +false +true");
        var wrong = varve("cluster", "set", "rebuild.grace=3");
        assertThat(wrong.code).isEqualTo(ExitCode.USAGE);
        assertThat(wrong.err).contains("rebuild.grace cannot be '3': it is 15s to 7d");
        assertThat(varve("cluster", "set", "rebuild.grace").err).contains("is no KEY=VALUE");
    }

    @Test
    void rebuildsAreListedAndHeld() {
        assertThat(varve("rebuild", "list").out).isEqualTo("No copy is under way.\n");
        cluster.rebuilds = RebuildList.newBuilder()
                .addRebuilds(Rebuild.newBuilder()
                        .setVolume("db")
                        .setSlab(2)
                        .setFrom("n4/fast")
                        .setTo("n2/fast")
                        .setWhy("node n4 is lost")
                        .setState("COPYING")
                        .setBytesDone(1L << 30)
                        .setBytesTotal(4L << 30)
                        .setBytesPerSecond(100L << 20))
                .setWaitingSlabs(3)
                .setPlacelessSlabs(1)
                .setPaused(true)
                .build();
        assertThat(varve("rebuild", "list", "--pause").out)
                .containsPattern("db +2 +n4/fast +n2/fast +node n4 is lost +copying +1GiB +4GiB +100MiB +30s")
                .contains("3 slabs are waiting for another copy; for 1 of them no other node has room")
                .contains("Paused");
        assertThat(varve("cluster", "settings").out).containsPattern("rebuild.paused +true");
        assertThat(varve("rebuild", "list", "--pause", "--resume").code).isEqualTo(ExitCode.USAGE);
    }

    @Test
    void theNumberOfCopiesIsSet() {
        varve("volume", "create", "db", "--size", "1GiB");
        assertThat(varve("volume", "set", "db", "--replicas", "2").out).isEqualTo("db has 2 copies.\n");
        assertThat(varve("volume", "set", "db", "--replicas", "3").out).startsWith("db gets 3 copies: ");
        assertThat(varve("volume", "set", "db", "--min-in-sync", "2").out)
                .isEqualTo("db goes on with 2 of 2 copies.\n");
        assertThat(varve("volume", "set", "db", "--min-in-sync", "default").out)
                .isEqualTo("db goes on with 1 of 2 copies.\n");
        assertThat(varve("volume", "set", "db").err)
                .contains("--replicas, --min-in-sync, --thick, --thin, --iops-limit");
        assertThat(varve("volume", "set", "db", "--replicas", "2", "--min-in-sync", "3").err)
                .contains("with 2 copies it can be 1 to 2");
        assertThat(varve("volume", "create", "x", "--size", "1GiB", "--min-in-sync", "0").code)
                .isEqualTo(ExitCode.USAGE);
        assertThat(varve("volume", "set", "db", "--replicas", "4").code).isEqualTo(ExitCode.USAGE);
        assertThat(varve("volume", "set", "db", "--replicas", "2", "--wait").out)
                .isEqualTo("db has 2 copies, all in sync.\n");
    }

    @Test
    void limitsAreSetAndShown() {
        varve("volume", "create", "db", "--size", "1GiB", "--iops-limit", "500", "--bandwidth-limit", "100MiB/s");
        assertThat(varve("volume", "show", "db").out).contains("Limits    500 IOPS, 100MiB/s, burst 1s\n");
        assertThat(varve("volume", "show", "db", "-o", "json").out)
                .containsPattern("\"limits\": *\\{\\s*\"iops\": *500");
        assertThat(varve("volume", "set", "db", "--iops-limit", "none", "--burst", "250ms").out)
                .isEqualTo("Limits of db: 100MiB/s, burst 250ms.\n");
        assertThat(varve("volume", "set", "db", "--iops-limit", "none", "--bandwidth-limit", "none").out)
                .isEqualTo("Limits of db: none.\n");
        assertThat(varve("volume", "set", "db", "--replicas", "2", "--iops-limit", "20").out)
                .isEqualTo("db has 2 copies. Limits: 20 IOPS, 100MiB/s, burst 1s.\n");
        assertThat(varve("volume", "set", "db", "--iops-limit", "5").err)
                .contains("--iops-limit is '5'; it can be 10 to 10000000, or none.");
        assertThat(varve("volume", "set", "db", "--bandwidth-limit", "100MB").err)
                .contains("--bandwidth-limit is '100MB'; it can be 1MiB/s to 1TiB/s, or none.");
        assertThat(varve("volume", "create", "x", "--size", "1GiB", "--burst", "2m").err)
                .contains("--burst is '2m'; it can be 100ms to 60s, or default.");
        varve("volume", "create", "free", "--size", "1GiB");
        assertThat(varve("volume", "show", "free").out).doesNotContain("Limits");
    }
}
