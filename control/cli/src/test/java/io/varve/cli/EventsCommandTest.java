package io.varve.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonParser;
import io.varve.api.Event;
import io.varve.api.EventSeverity;
import io.varve.cli.command.ExitCode;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** {@code varve events} against a server that speaks the real API over a real socket. */
final class EventsCommandTest {
    private SmallCluster cluster;

    @BeforeEach
    void start() {
        cluster = new SmallCluster();
        cluster.tell(Event.newBuilder()
                .setUnixMillis(1_700_000_000_000L)
                .setSeverity(EventSeverity.EVENT_WARNING)
                .setReason("CopiesLeft")
                .setVolume("db")
                .setNode("n2")
                .setMessage("n2/flash is out of sync")
                .setWhatToDo("start n2")
                .build());
        cluster.tell(Event.newBuilder()
                .setSeverity(EventSeverity.EVENT_INFO)
                .setReason("NodeStarted")
                .setMessage("started")
                .build());
    }

    @AfterEach
    void stop() {
        cluster.close();
    }

    private record Outcome(int code, String out, String err) {}

    private Outcome events(String... words) {
        var line = new ArrayList<>(List.of("events", "--server", cluster.address()));
        line.addAll(List.of(words));
        var out = new StringWriter();
        var err = new StringWriter();
        var code = Main.commandLine()
                .setOut(new PrintWriter(out))
                .setErr(new PrintWriter(err))
                .execute(line.toArray(String[]::new));
        return new Outcome(code, out.toString(), err.toString());
    }

    @Test
    void showsWhatHappenedHowBadItIsAndWhatToDo() {
        var shown = events();
        assertThat(shown.code).isEqualTo(ExitCode.OK);
        assertThat(shown.out.lines().toList().getFirst()).containsPattern("TIME +SEVERITY +REASON +VOLUME +NODE +WHAT");
        assertThat(shown.out)
                .containsPattern(
                        "2023-11-1[45] .* warning +CopiesLeft +db +n2 +n2/flash is out of sync\\. To do: start n2\n")
                .containsPattern("- +info +NodeStarted +- +- +started\n");
    }

    @Test
    void asksForWhatItWasToldTo() {
        long before = System.currentTimeMillis() - 3_600_000;
        events("--since", "1h", "--volume", "db", "--node", "n2", "--severity", "warning", "--limit", "7");
        assertThat(cluster.asked.getSinceUnixMillis()).isBetween(before, before + 60_000);
        assertThat(cluster.asked.getVolume()).isEqualTo("db");
        assertThat(cluster.asked.getNode()).isEqualTo("n2");
        assertThat(cluster.asked.getAtLeast()).isEqualTo(EventSeverity.EVENT_WARNING);
        assertThat(cluster.asked.getLimit()).isEqualTo(7);
        events();
        assertThat(cluster.asked.getSinceUnixMillis()).isZero();
    }

    @Test
    void followsFromTheLastNumberAndPrintsOneObjectEachLine() {
        cluster.refusesEventsAfter = 2;
        var shown = events("--follow", "-o", "json");
        assertThat(shown.code).as("refused in the end").isEqualTo(ExitCode.FAILED);
        assertThat(shown.out.lines())
                .hasSize(2)
                .allSatisfy(line -> assertThat(
                                JsonParser.parseString(line).getAsJsonObject().has("reason"))
                        .isTrue());
        assertThat(cluster.asked.getAfterNumber()).isEqualTo(2);
        assertThat(cluster.asked.getWaitMillis()).isPositive();
        assertThat(cluster.asked.getSinceUnixMillis()).isZero();
    }

    @Test
    void saysWhenThereMayBeNewerOnes() {
        cluster.safe = false;
        assertThat(events().out).endsWith("there may be newer events than those that this member has.\n");
    }

    @Test
    void refusesWhatCannotBe() {
        assertThat(events("--limit", "0").code).isEqualTo(ExitCode.USAGE);
        assertThat(events("--follow", "-o", "yaml").code).isEqualTo(ExitCode.USAGE);
        assertThat(events("--severity", "bad").code).isEqualTo(ExitCode.USAGE);
        assertThat(events("--since", "yesterday").err).contains("write for example");
    }
}
