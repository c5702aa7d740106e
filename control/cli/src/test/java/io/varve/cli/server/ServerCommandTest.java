package io.varve.cli.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.cli.command.ExitCode;
import io.varve.cli.command.RootCommand;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What {@code varve server} says before it starts anything. */
final class ServerCommandTest {
    @TempDir
    private Path directory;

    private final StringWriter err = new StringWriter();

    private int check(String text) throws IOException {
        var file = Files.writeString(directory.resolve("node.yaml"), text);
        return execute(file);
    }

    private int execute(Path file) {
        return RootCommand.commandLine(new ServerCommand())
                .setErr(new PrintWriter(err))
                .execute("server", "--config", file.toString(), "--check");
    }

    private static final String GOOD = """
            cluster: lab
            node: n1
            dataDir: /var/lib/varve
            listen:
              management: 127.0.0.1:7400
              peer: 127.0.0.1:7500
              nbd: 127.0.0.1:10809
              metrics: 127.0.0.1:9400
            metadata:
              members:
                - {node: n1, raft: "127.0.0.1:7600", management: "127.0.0.1:7400"}
            """;

    @Test
    void acceptsAGoodFile() throws IOException {
        assertThat(check(GOOD)).isEqualTo(ExitCode.OK);
        assertThat(err.toString()).isEmpty();
    }

    @Test
    void refusesAnUnknownKeyByNameAndLine() throws IOException {
        assertThat(check(GOOD + "disk: []\n")).isEqualTo(ExitCode.USAGE);
        assertThat(err.toString())
                .contains("line 12: disk: unknown key; did you mean 'disks'?")
                .contains("docs/operating/configuration.md");
    }

    @Test
    void endsWithOneLineAndACodeWhenAPortIsTaken() throws IOException {
        try (var squatter = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            var text = GOOD.replace("/var/lib/varve", directory.resolve("data").toString())
                    .replace("10809", Integer.toString(squatter.getLocalPort()))
                    .replace("7400", Integer.toString(unusedPort()))
                    .replace("7500", Integer.toString(unusedPort()))
                    .replace("7600", Integer.toString(unusedPort()))
                    .replace("9400", Integer.toString(unusedPort()));
            var file = Files.writeString(directory.resolve("node.yaml"), text);
            var code = RootCommand.commandLine(new ServerCommand())
                    .setErr(new PrintWriter(err))
                    .execute("server", "--config", file.toString());
            assertThat(code).isEqualTo(ExitCode.CANNOT_LISTEN);
            assertThat(err.toString().lines())
                    .hasSize(2)
                    .first()
                    .asString()
                    .startsWith("varve: cannot listen on 127.0.0.1:" + squatter.getLocalPort() + " (listen.nbd): ");
        }
    }

    private static int unusedPort() throws IOException {
        try (var socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        }
    }

    @Test
    void refusesAFileThatIsNotThere() {
        assertThat(execute(directory.resolve("missing.yaml"))).isEqualTo(ExitCode.USAGE);
        assertThat(err.toString()).contains("cannot read").contains("missing.yaml");
    }
}
