package io.varve.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.cli.command.ExitCode;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** {@code varve node restart-check} and {@code move-volumes} against a server that speaks the real API over a real socket. */
final class NodeRestartTest {
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
    void saysYesOrNoInItsFirstLineAndByItsExitCode() {
        var yes = varve("node", "restart-check", "n1");
        assertThat(yes.out).startsWith("Yes: node n1 may be stopped.");
        assertThat(yes.code).isEqualTo(ExitCode.OK);
        cluster.refusals = 1;
        var no = varve("node", "restart-check", "n1");
        assertThat(no.out)
                .startsWith("No: node n1 must not be stopped now.\n")
                .contains("  ! volume db: 0 in-sync copies are elsewhere\n");
        assertThat(no.code).isEqualTo(ExitCode.NOT_SAFE);
        assertThat(varve("node", "restart-check", "n9").code).isEqualTo(ExitCode.NOT_FOUND);
        assertThat(varve("node", "restart-check", "n1", "-o", "json").out).containsPattern("\"ok\": ?true");
    }

    @Test
    void waitsUntilItMayBeStoppedButNotForEver() {
        cluster.refusals = 2;
        var waited = varve("node", "restart-check", "n1", "--wait");
        assertThat(waited.code).isEqualTo(ExitCode.OK);
        assertThat(waited.out).as("told once").startsWith("Waiting: volume db: 0 in-sync copies are elsewhere\nYes: ");
        cluster.refusals = 9;
        assertThat(varve("node", "restart-check", "n1", "--wait", "--timeout", "1ms").code)
                .isEqualTo(ExitCode.NOT_SAFE);
    }

    @Test
    void movesWhatTheNodeServes() {
        assertThat(varve("node", "move-volumes", "n1").out).isEqualTo("n1 serves no volume.\n");
        varve("volume", "create", "db", "--size", "1GiB");
        varve("volume", "create", "idle", "--size", "1GiB");
        varve("volume", "attach", "db");
        assertThat(varve("node", "restart-check", "n1").out)
                .contains("It serves:\n  db: its clients wait\n")
                .contains("varve node move-volumes n1 moves all of them");
        assertThat(varve("node", "move-volumes", "n1").out)
                .isEqualTo("db is served by n2\nn1 serves no volume any more.\n");
        assertThat(varve("node", "restart-check", "n1").out).doesNotContain("It serves");
        assertThat(varve("node", "move-volumes", "n1", "--to", "n1").code).isEqualTo(ExitCode.USAGE);
    }
}
