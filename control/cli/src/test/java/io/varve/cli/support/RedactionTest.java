package io.varve.cli.support;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RedactionTest {
    private final Redaction redaction = Redaction.knowing(Map.of(), List.of());

    @ParameterizedTest
    @ValueSource(
            strings = {
                "password: pLanted-1",
                "password: \"pLanted-1\"",
                "password: \"a\\\"pLanted-1\"",
                "keys:\n  privateKey: |\n    aaa\n    pLanted-1\n  next: 1\n",
                "  tokenSecret: 'pLanted-1'   # of the csi driver",
                "{\"apiKey\": \"pLanted-1\", \"a\": 1}",
                "DB_PASSWORD=pLanted-1",
                "server started with token=pLanted-1 port=7",
                "--join-token pLanted-1 --node n1",
                "--join-token=pLanted-1",
                "-Djavax.net.ssl.keyStorePassword=pLanted-1",
                "Authorization: Bearer pLanted-1",
                "header authorization=Basic pLanted-1=",
                "got Bearer pLanted-1",
                "nbd://user:pLanted-1@host:10809/db",
                "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJwTGFudGVkLTEifQ.pLanted-1",
                "-----BEGIN EC PRIVATE KEY-----\nMHc\npLanted-1\n-----END EC PRIVATE KEY-----\nafter",
                "WARN x -----BEGIN PRIVATE KEY----- MHc pLanted-1 -----END PRIVATE KEY----- after",
                "-----BEGIN PRIVATE KEY-----\npLanted-1 and the log ends",
            })
    void takesOutWhatLooksLikeASecret(String text) {
        assertThat(redaction.of(text)).doesNotContain("pLanted-1").contains(Redaction.MARK);
    }

    @Test
    void takesOutAKnownSecretWhereverItStands() {
        var knowing = Redaction.knowing(
                Map.of("VARVE_TOKEN", "from-environment", "PATH", "/bin"),
                List.of("tls:\n  keyPassword: from-config\n"));
        assertThat(knowing.of("x from-environment y from-config z /bin"))
                .isEqualTo("x " + Redaction.MARK + " y " + Redaction.MARK + " z /bin");
    }

    @Test
    void leavesOrdinaryTextAsItIs() {
        for (String text : List.of(
                "node: n1\nlisten:\n  management: 127.0.0.1:7400\n",
                "event reason=CopiesLeft volume=db node=n2 message=\"slabs=0-3\"",
                "nbd://10.0.0.1:10809/db",
                "at io.varve.X.run(X.java:12)")) {
            assertThat(redaction.of(text)).isEqualTo(text);
        }
    }

    @Test
    void keepsTheKeyAndWhatFollows() {
        assertThat(redaction.of("a: 1\npassword: xyz\nb: 2\n"))
                .isEqualTo("a: 1\npassword: " + Redaction.MARK + "\nb: 2\n");
    }

    @Test
    void showsOnlyHarmlessVariables() {
        assertThat(redaction.environment(Map.of("PATH", "/bin", "SOMETHING", "else", "VARVE_TOKEN", "abc")))
                .isEqualTo("PATH=/bin\nSOMETHING=" + Redaction.MARK + "\nVARVE_TOKEN=" + Redaction.MARK + "\n");
    }

    /** What a program logs by mistake, or what somebody makes it log. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "a",
                "password",
                "--",
                "a-",
                "eyJ-",
                "eyJaaaaaaaaa.",
                "-----BEGIN ",
                "x://",
                "x:",
                "token=\"",
                "token=\\\\",
                "secret: |\n "
            })
    @Timeout(20)
    void takesNoTimeWithMegabytesOfAnything(String piece) {
        String text = piece.repeat((2 << 20) / piece.length());
        assertThat(redaction.of(text)).isNotNull();
    }
}
