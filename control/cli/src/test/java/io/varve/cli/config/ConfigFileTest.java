package io.varve.cli.config;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.model.ByteSize;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

final class ConfigFileTest {
    private static final Path PAGE = Path.of("../../docs/operating/configuration.md");

    private static final String COMPLETE = """
            cluster: lab
            node: n1
            zone: rack-a
            dataDir: /var/lib/varve
            advertise: 10.0.0.1
            listen:
              management: 0.0.0.0:7400
              peer: 0.0.0.0:7500
              raft: 0.0.0.0:7600
              nbd: 127.0.0.1:10809
              metrics: "[::1]:9400"
            metadata:
              members:
                - {node: n1, raft: "10.0.0.1:7600", management: "10.0.0.1:7400"}
                - {node: n2, raft: "10.0.0.2:7600", management: "10.0.0.2:7400"}
                - {node: n3, raft: "10.0.0.3:7600", management: "10.0.0.3:7400"}
            disks:
              - group: fast
                journal: 2GiB
                devices:
                  - {path: /dev/nvme0n1, class: nvme}
                  - {path: /var/lib/varve/disk2, class: hdd, size: 20GiB, zeroFill: true}
            limits:
              queueBytes: 256MiB
              nbdConnections: 100
              stopSeconds: 5
            log:
              level: debug
              file: /var/log/varve.log
            """;

    @Test
    void readsACompleteFile() {
        var config = loaded(COMPLETE);

        assertThat(config.fixed().cluster()).isEqualTo("lab");
        assertThat(config.fixed().node()).isEqualTo("n1");
        assertThat(config.isMetadataMember()).isTrue();
        assertThat(config.fixed().members().get(2).raft()).isEqualTo(new Endpoint("10.0.0.3", 7600));
        assertThat(config.restart().zone()).isEqualTo("rack-a");
        assertThat(config.restart().listen().metrics()).isEqualTo(new Endpoint("::1", 9400));
        assertThat(config.advertised(config.restart().listen().peer())).hasToString("10.0.0.1:7500");
        var group = config.restart().groups().getFirst();
        assertThat(group.journal()).contains(ByteSize.parse("2GiB"));
        assertThat(group.devices().getFirst().createSize()).isEmpty();
        assertThat(group.devices().getLast().zeroFill()).isTrue();
        assertThat(group.devices().getFirst().wipe()).isFalse();
        assertThat(config.restart().diskIo()).isEqualTo(RestartConfig.DiskIo.AUTO);
        assertThat(group.devices().getLast().createSize()).contains(ByteSize.parse("20GiB"));
        assertThat(config.restart().limits())
                .isEqualTo(new RestartConfig.Limits(ByteSize.parse("256MiB"), 100, Duration.ofSeconds(5)));
        assertThat(config.restart().log())
                .isEqualTo(
                        new RestartConfig.Log(RestartConfig.Level.DEBUG, Optional.of(Path.of("/var/log/varve.log"))));
    }

    @Test
    void namesAnUnknownKeyWithItsLineAndTheLikelyOne() {
        assertThat(problems(COMPLETE.replace("dataDir:", "datadir:")))
                .contains("line 4: datadir: unknown key; did you mean 'dataDir'?", "line 1: dataDir: missing");
        assertThat(problems(COMPLETE.replace("    journal: 2GiB", "    jurnal: 2GiB")))
                .containsExactly("line 19: disks[].jurnal: unknown key; did you mean 'journal'?");
        assertThat(problems(COMPLETE + "colour: red\n")).containsExactly("line 30: colour: unknown key");
        assertThat(problems(COMPLETE + "metrics: 127.0.0.1:1\n"))
                .containsExactly("line 30: metrics: unknown key; did you mean 'listen.metrics'?");
    }

    @Test
    void refusesWrongTypesAndValuesOutOfRange() {
        assertThat(problems(COMPLETE.replace("journal: 2GiB", "journal: 2GB")))
                .singleElement()
                .asString()
                .startsWith("line 19: disks[].journal: '2GB' has the unknown unit 'GB'; did you mean GiB?");
        assertThat(problems(COMPLETE.replace("journal: 2GiB", "journal: 1MiB")))
                .containsExactly("line 19: disks[].journal: '1MiB' is not between 256MiB and 64GiB");
        assertThat(problems(COMPLETE.replace("class: hdd", "class: tape")))
                .containsExactly("line 22: disks[].devices[].class: 'tape' is not one of nvme, ssd, hdd");
        assertThat(problems(COMPLETE.replace("nbdConnections: 100", "nbdConnections: many")))
                .containsExactly("line 25: limits.nbdConnections: 'many' is not a whole number");
        assertThat(problems(COMPLETE.replace("nbdConnections: 100", "nbdConnections: [1]")))
                .containsExactly("line 25: limits.nbdConnections: must be a single value");
        assertThat(problems(COMPLETE.replace("127.0.0.1:10809", "10809")))
                .containsExactly(
                        "line 10: listen.nbd: '10809' has no port; write host:port, for example 127.0.0.1:7400");
        assertThat(problems(COMPLETE.replace("dataDir: /var", "dataDir: var")))
                .containsExactly("line 4: dataDir: 'var/lib/varve' must be an absolute path");
        assertThat(problems(COMPLETE.replace("node: n1\n", "node: ../n1\n")))
                .singleElement()
                .asString()
                .contains("line 2: node: '../n1' is not a name");
    }

    @Test
    void refusesDuplicatesAndAnEvenMetadataGroup() {
        assertThat(problems(COMPLETE + "zone: b\n")).containsExactly("line 30: zone: given twice");
        assertThat(problems(COMPLETE.replace("node: n3, ", "node: n2, ")))
                .containsExactly("line 16: metadata.members[].node: 'n2' is named twice");
        assertThat(problems(COMPLETE.replaceAll(".*node: n3.*\n", "")))
                .containsExactly("line 14: metadata.members: there are 2; name one, three or five");
    }

    @Test
    void asksForARealHostWhenListeningOnEveryInterface() {
        assertThat(problems(COMPLETE.replace("advertise: 10.0.0.1\n", "")))
                .singleElement()
                .asString()
                .contains("advertise: needed because listen names a wildcard address");
    }

    @Test
    void refusesWhatIsNotYaml() {
        assertThat(problems("cluster: [")).singleElement().asString().contains("not YAML");
        assertThat(problems("")).containsExactly("line 1: must be a list of 'key: value' lines");
        assertThat(problems("!!javax.script.ScriptEngineManager {}")).isNotEmpty();
    }

    @Test
    void leavesOutWhatHasADefault() {
        var config = loaded(COMPLETE.substring(0, COMPLETE.indexOf("limits:")));

        assertThat(config.restart().limits().stop()).isEqualTo(Duration.ofSeconds(20));
        assertThat(config.restart().log().level()).isEqualTo(RestartConfig.Level.INFO);
    }

    @Test
    void listensOnLoopbackUnlessToldOtherwise() {
        var config = loaded(COMPLETE.replace("  management: 0.0.0.0:7400\n", "")
                .replace("  metrics: \"[::1]:9400\"\n", "")
                .replace("10.0.0.1:7400", "127.0.0.1:7400"));

        assertThat(config.restart().listen().management()).isEqualTo(new Endpoint("127.0.0.1", 7400));
        assertThat(config.restart().listen().metrics()).isEqualTo(new Endpoint("127.0.0.1", 9400));
    }

    @Test
    void asksForTheManagementAddressThatTheOtherMembersExpect() {
        assertThat(problems(COMPLETE.replace("  management: 0.0.0.0:7400\n", "")))
                .singleElement()
                .asString()
                .contains("listen.management: needed because metadata.members says")
                .contains("10.0.0.1:7400");
    }

    @Test
    void everyKeyIsDocumented() throws IOException {
        var page = Files.readString(PAGE);

        assertThat(ConfigKeys.ALL).allSatisfy(key -> assertThat(page).contains("`" + key + "`"));
    }

    @Test
    void theDocumentedExampleIsAccepted() throws IOException {
        var page = Files.readString(PAGE);
        var start = page.indexOf("```yaml\n") + "```yaml\n".length();

        loaded(page.substring(start, page.indexOf("```\n", start)));
    }

    @Test
    void nodesSpeakTlsUnlessTheFileSaysOtherwise() {
        assertThat(loaded(COMPLETE).restart().security().network()).isEqualTo(RestartConfig.Network.TLS);
        assertThat(loaded(COMPLETE + "network: plaintext\n")
                        .restart()
                        .security()
                        .network())
                .isEqualTo(RestartConfig.Network.PLAINTEXT);
        assertThat(problems(COMPLETE + "network: none\n"))
                .singleElement()
                .asString()
                .contains("'none' is not one of tls, plaintext");
    }

    @Test
    void keysOfTlsAreRefusedWhereTheyWouldDoNothingOrHalf() {
        assertThat(problems(COMPLETE + "network: plaintext\ntls: {lifetime: 1d}\n"))
                .singleElement()
                .asString()
                .contains("of no use with 'network: plaintext'");
        assertThat(problems(COMPLETE + "tls: {ca: /a, key: /b}\n"))
                .singleElement()
                .asString()
                .contains("tls.certificate: missing");
        assertThat(problems(COMPLETE + "tls: {lifetime: 5s}\n"))
                .singleElement()
                .asString()
                .contains("'5s' is not between 10s and 825d");
        assertThat(loaded(COMPLETE + "tls: {lifetime: 90s}\n")
                        .restart()
                        .security()
                        .lifetime())
                .isEqualTo(Duration.ofSeconds(90));
    }

    private static NodeConfig loaded(String text) {
        return switch (ConfigFile.parse(text)) {
            case ConfigResult.Loaded(var config) -> config;
            case ConfigResult.Rejected(var problems) -> throw new AssertionError(problems.toString());
        };
    }

    private static List<String> problems(String text) {
        return switch (ConfigFile.parse(text)) {
            case ConfigResult.Loaded(var config) -> throw new AssertionError("accepted: " + config);
            case ConfigResult.Rejected(var problems) ->
                problems.stream().map(ConfigProblem::toString).toList();
        };
    }
}
