package io.varve.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonParser;
import io.varve.cli.command.ExitCode;
import io.vertx.core.Vertx;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.yaml.snakeyaml.Yaml;
import picocli.CommandLine;

/** The commands as a person types them, against a server that speaks the real API over a real socket. */
final class CommandLineTest {
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
        return execute(line);
    }

    private static Outcome execute(List<String> words) {
        var out = new StringWriter();
        var err = new StringWriter();
        var code = Main.commandLine()
                .setOut(new PrintWriter(out))
                .setErr(new PrintWriter(err))
                .execute(words.toArray(String[]::new));
        return new Outcome(code, out.toString(), err.toString());
    }

    @Test
    void statusSaysInItsFirstLineWhetherDataIsSafe() {
        assertThat(varve("status").out).startsWith("Your data is safe.\n");

        cluster.safe = false;
        var unsafe = varve("status", "--check");
        assertThat(unsafe.out.lines()).startsWith("Your data is at risk: one copy of db is missing.");
        assertThat(unsafe.out).contains("! node n2 was not seen for 5 minutes: start it");
        assertThat(unsafe.code).isEqualTo(ExitCode.NOT_SAFE);
        assertThat(varve("status").code).isEqualTo(ExitCode.OK);
    }

    @Test
    void saysWhichCopyIsMissing() {
        varve("volume", "create", "db", "--size", "20GiB");
        cluster.loseACopy("db");
        assertThat(varve("volume", "list").out).containsPattern("db +20GiB +thin +2 +1 of 2 +at minimum +detached");
        assertThat(varve("volume", "show", "db").out)
                .contains("Copies    2, 1 in sync on 1 of 1 slab; missing: n2/fast (1 slab)\n")
                .contains("Health    at minimum: with one more copy lost its clients wait");
        assertThat(varve("volume", "show", "db", "-o", "json").out)
                .containsPattern("\"state\": ?\"SYNC_AT_MINIMUM\"")
                .containsPattern("\"groupName\": ?\"fast\"");
    }

    @Test
    void volumeGoesThroughItsLife() {
        assertThat(varve("volume", "list").out).startsWith("No volumes.");
        assertThat(varve("volume", "create", "db", "--size", "20GiB").out).startsWith("Created db, 20GiB, copies 2.");
        assertThat(varve("volume", "attach", "db").out).isEqualTo("Attached db on n1: nbd://127.0.0.1:10809/db\n");
        assertThat(varve("volume", "list").out)
                .containsPattern("db +20GiB +thin +2 +all +healthy +attached +n1 +nbd://");
        assertThat(varve("volume", "show", "db").out)
                .contains("Copies    2, all in sync")
                .contains("g-2");
        assertThat(varve("volume", "move", "db", "--to", "n3", "--no-wait").out)
                .isEqualTo("Moving db to n3: varve volume show db tells how far\n");
        assertThat(varve("volume", "move", "db").out).isEqualTo("Moved db, now on n2: nbd://127.0.0.2:10809/db\n");
        assertThat(varve("volume", "delete", "db", "--yes").out).isEqualTo("Deleted db\n");
        assertThat(varve("volume", "show", "db").code).isEqualTo(ExitCode.NOT_FOUND);
    }

    @Test
    void aVolumeIsThinOrThick() {
        assertThat(varve("volume", "create", "wal", "--size", "1GiB", "--thick").out)
                .startsWith("Created wal, 1GiB, copies 2, thick.");
        assertThat(varve("volume", "list").out).containsPattern("wal +1GiB +thick +2");
        assertThat(varve("volume", "show", "wal").out).contains("Space     thick");
        assertThat(varve("volume", "set", "wal", "--thin").out).isEqualTo("wal is thin.\n");
        assertThat(varve("volume", "set", "wal", "--thick", "--thin").code).isEqualTo(ExitCode.USAGE);
    }

    @Test
    void deletesNothingWithoutAnAnswer() {
        varve("volume", "create", "db", "--size", "1GiB");

        assertThat(varve("volume", "delete", "db").code).isEqualTo(ExitCode.FAILED);
        assertThat(varve("volume", "show", "db").code).isEqualTo(ExitCode.OK);
    }

    @Test
    void printsTheServersWordsWhenItRefuses() {
        var missing = varve("volume", "attach", "nothing");
        assertThat(missing.err).isEqualTo("varve: there is no volume 'nothing'\n");
        assertThat(missing.code).isEqualTo(ExitCode.NOT_FOUND);

        var foreign = varve("disk", "add", "/dev/sdx", "--node", "n1", "--group", "fast", "--class", "ssd");
        assertThat(foreign.err).contains("/dev/sdx holds an ext4 file system");
        assertThat(foreign.code).isEqualTo(ExitCode.FAILED);
        assertThat(varve("node", "show", "n9").err).contains("there is no node 'n9'");
    }

    @Test
    void refusesMistakesOnTheCommandLineBeforeAskingAnyone() {
        assertThat(varve("volume", "create", "db", "--size", "20GB").err).contains("did you mean GiB");
        assertThat(varve("volume", "create", "db", "--size", "20GB").code).isEqualTo(ExitCode.USAGE);
        assertThat(varve("volume", "create", "db", "--size", "20GB").err.lines())
                .as("the mistake and where help is, not a page that hides it")
                .hasSize(2)
                .last()
                .asString()
                .contains("varve volume create --help");
        assertThat(varve("volume", "create", "db", "--size", "-5GiB").err).contains("'-5GiB' is not a size");
        assertThat(varve("volume", "create", "db", "--size", "9223372036854775808").err)
                .contains("is too large");
        assertThat(varve("volume", "create", "../db", "--size", "20GiB").err).contains("is not a volume name");
        assertThat(varve("volume", "create", "db").err).contains("--size");
        assertThat(varve("volume", "create", "db", "--size", "1GiB", "--replicas", "4").code)
                .isEqualTo(ExitCode.USAGE);
        assertThat(varve("volume").err).contains("Say what to do: create, list");
        assertThat(varve("volum").err).contains("volume");
        assertThat(execute(List.of("status", "--server", "nowhere")).err).contains("has no port");
        assertThat(execute(List.of()).code).isEqualTo(ExitCode.USAGE);
    }

    @Test
    void triesTheNextServerAndNamesAllWhenNoneAnswers() {
        var dead = "127.0.0.1:" + unusedPort();

        assertThat(execute(List.of("status", "--server", dead + "," + cluster.address())).code)
                .isEqualTo(ExitCode.OK);
        var nobody = execute(List.of("status", "--server", dead));
        assertThat(nobody.code).isEqualTo(ExitCode.UNREACHABLE);
        assertThat(nobody.err).contains(dead).contains("--server");
    }

    private static int unusedPort() {
        var vertx = Vertx.vertx();
        try {
            return vertx.createNetServer()
                    .connectHandler(socket -> {})
                    .listen(0, "127.0.0.1")
                    .compose(server -> server.close().map(server.actualPort()))
                    .await();
        } finally {
            vertx.close().await();
        }
    }

    @Test
    void scriptsGetTheWholeAnswerInJsonAndYaml() {
        varve("volume", "create", "db", "--size", "20GiB");

        var json = JsonParser.parseString(varve("volume", "show", "db", "-o", "json").out)
                .getAsJsonObject();
        assertThat(json.get("sizeBytes").getAsLong()).isEqualTo(20L << 30);
        assertThat(json.get("state").getAsString()).isEqualTo("VOLUME_DETACHED");
        assertThat(json.get("wantedNode").getAsString()).isEmpty();
        Map<String, Object> yaml = new Yaml().load(varve("volume", "show", "db", "-o", "yaml").out);
        assertThat(yaml).containsEntry("sizeBytes", 20L << 30).containsEntry("name", "db");
        assertThat(varve("volume", "list", "-o", "JSON").code).isEqualTo(ExitCode.OK);
    }

    @Test
    void takesAnswersOfManyMebibytes() {
        cluster.addVolumes(20_000);

        assertThat(JsonParser.parseString(varve("volume", "list", "-o", "json").out)
                        .getAsJsonObject()
                        .getAsJsonArray("volumes"))
                .hasSize(20_000);
    }

    @Test
    void verifyFollowsTheStreamAndTellsDifferences() {
        assertThat(varve("volume", "verify", "db").out)
                .isEqualTo("Equal: the replicas hold the same data in all 8 extents.\n");

        cluster.stopsAtExtent = 3;
        var stopped = varve("volume", "verify", "db");
        assertThat(stopped.err).contains("the node stops: 100 % sure");
        assertThat(stopped.code).isEqualTo(ExitCode.FAILED);
        cluster.stopsAtExtent = 0;

        cluster.replicasDiffer = true;
        var different = varve("volume", "verify", "db");
        assertThat(different.out).contains("1 of 8 extents differ").contains("slab 0 extent 4: g-1 and g-2");
        assertThat(different.code).isEqualTo(ExitCode.NOT_SAFE);
    }

    @Test
    void showsNodesAndHowTheyDoTheirIo() {
        assertThat(varve("node", "list").out).containsPattern("n1 +rack-a +up ");
        assertThat(varve("node", "show", "n1").out).contains("Disk I/O     io_uring");
        assertThat(varve("disk", "list").out).contains("/dev/nvme0n1").contains("9GiB of 10GiB");
        assertThat(varve("cluster", "init", "lab").out).contains("Cluster lab is ready");
    }

    @Test
    void completionKnowsTheCommands() {
        assertThat(varve("completion", "bash").out)
                .contains("function _complete_varve")
                .contains("verify");
        assertThat(varve("completion", "zsh").out).contains("bashcompinit");
    }

    @Test
    void everyCommandHasADescriptionAndExamples() {
        assertHelpful(Main.commandLine());
    }

    @Test
    void helpExplainsCommandsAndCredentials() {
        assertThat(varve("help", "credentials").out).contains("--credentials FILE", "varve token create", "admin.pem");
        assertThat(varve("help", "volume", "create").out).isEqualTo(varve("volume", "create", "--help").out);
        assertThat(varve("help").out).contains("volume", "credentials");
        var unknown = varve("help", "volume", "paint");
        assertThat(unknown.code).isEqualTo(ExitCode.USAGE);
        assertThat(unknown.err).contains("there is no command 'volume paint'");
    }

    private static void assertHelpful(CommandLine line) {
        var usage = line.getCommandSpec().usageMessage();
        var name = line.getCommandSpec().qualifiedName();
        assertThat(usage.description()).as(name).isNotEmpty();
        assertThat(usage.footer())
                .as(name)
                .isNotEmpty()
                .allSatisfy(example -> assertThat(example).matches("|  .*"));
        assertThat(line.getUsageMessage()).as(name).contains("Examples:").contains("--help");
        line.getSubcommands().values().forEach(CommandLineTest::assertHelpful);
    }
}
