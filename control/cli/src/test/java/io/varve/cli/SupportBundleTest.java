package io.varve.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.cli.command.ExitCode;
import java.io.ByteArrayInputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code varve support-bundle} against a server that speaks the real API over a real socket; the archive is read by tar itself too. */
final class SupportBundleTest {
    @TempDir
    Path dir;

    private SmallCluster cluster;
    private String dead = "";

    @BeforeEach
    void start() throws Exception {
        cluster = new SmallCluster();
        try (var socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            dead = "127.0.0.1:" + socket.getLocalPort();
        }
    }

    @AfterEach
    void stop() {
        cluster.close();
    }

    private record Outcome(int code, String out, String err) {}

    private static Outcome bundle(String server, Path out) {
        var told = new StringWriter();
        var err = new StringWriter();
        var code = Main.commandLine()
                .setOut(new PrintWriter(told))
                .setErr(new PrintWriter(err))
                .execute("support-bundle", "--server", server, "--out", out.toString());
        return new Outcome(code, told.toString(), err.toString());
    }

    /** Names without the directory that they all lie in. */
    private static Map<String, String> read(Path file) throws Exception {
        var bytes = new GZIPInputStream(new ByteArrayInputStream(Files.readAllBytes(file))).readAllBytes();
        var files = new TreeMap<String, String>();
        for (int at = 0; at + 512 <= bytes.length && bytes[at] != 0; ) {
            var name = new String(bytes, at, 100, StandardCharsets.UTF_8);
            name = name.substring(0, name.indexOf('\0'));
            int size = Integer.parseInt(new String(bytes, at + 124, 11, StandardCharsets.US_ASCII), 8);
            files.put(name.substring(name.indexOf('/') + 1), new String(bytes, at + 512, size, StandardCharsets.UTF_8));
            at += 512 + (size + 511) / 512 * 512;
        }
        return files;
    }

    @Test
    void gathersWhatNodesTellAndNamesThoseThatDoNotAnswer() throws Exception {
        cluster.deadNode = dead;
        cluster.log = "node ready\n";
        var out = dir.resolve("bundle.tar.gz");
        var told = bundle(cluster.address(), out);
        assertThat(told.code).as(told.err).isEqualTo(ExitCode.OK);
        assertThat(told.out).startsWith("Wrote " + out).contains(": 1 node.").contains("Missing: node n2 at " + dead);
        var files = read(out);
        assertThat(files.keySet())
                .containsExactlyInAnyOrder(
                        "CONTENTS.txt",
                        "client/version.txt",
                        "cluster/status.json",
                        "cluster/events.json",
                        "nodes/n1/log.txt",
                        "nodes/n1/.._.._escape.txt",
                        "nodes/n1/stats.json");
        assertThat(files.get("nodes/n1/log.txt")).isEqualTo("node ready\n");
        assertThat(files.get("CONTENTS.txt"))
                .containsPattern("nodes/n1/log.txt +11  the log; 7 bytes before it are left out")
                .containsPattern("Missing:\n  node n2 at " + dead);
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(out)))
                .isEqualTo("rw-------");
        var tar = new ProcessBuilder("tar", "-tzf", out.toString())
                .redirectErrorStream(true)
                .start();
        var listing = new String(tar.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(tar.waitFor(20, TimeUnit.SECONDS)).isTrue();
        assertThat(tar.exitValue()).as(listing).isZero();
        assertThat(listing.lines())
                .hasSize(files.size())
                .allSatisfy(line -> assertThat(line).startsWith("varve-support-lab-"));
        try (var left = Files.list(dir)) {
            assertThat(left).as("nothing unfinished").containsExactly(out);
        }
    }

    @Test
    void leavesOutSecretsThatANodeDidNot() throws Exception {
        cluster.log = "started with token=pLanted-secret\n";
        var out = dir.resolve("bundle.tar.gz");
        bundle(cluster.address(), out);
        assertThat(read(out).get("nodes/n1/log.txt")).isEqualTo("started with token=<redacted>\n");
    }

    @Test
    void isWrittenAlsoWhenNobodyAnswersAndSaysSo() throws Exception {
        var out = dir.resolve("bundle.tar.gz");
        var told = bundle(dead, out);
        assertThat(told.code).isEqualTo(ExitCode.UNREACHABLE);
        assertThat(read(out).get("CONTENTS.txt"))
                .contains("cluster/status.json: ")
                .contains("node " + dead.replace(':', '-') + " at " + dead);
    }

    @Test
    void leavesNothingBehindWhenItCannotWrite() {
        var told = bundle(cluster.address(), dir.resolve("no/such/place.tar.gz"));
        assertThat(told.code).isEqualTo(ExitCode.FAILED);
        assertThat(told.err).contains("cannot write").contains("--out");
        assertThat(dir.toFile().list()).isEmpty();
    }
}
