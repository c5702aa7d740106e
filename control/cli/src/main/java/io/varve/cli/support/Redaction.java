package io.varve.cli.support;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Takes secrets out of texts that leave a node. Two ways, because neither is enough: what looks like a secret where it stands (a key that says so, a
 * private key, a token, a password in an address), and every value that was found under such a key, wherever it stands again.
 * docs/operating/support-bundle.md tells the rules to people.
 */
public final class Redaction {
    /** In place of a secret. */
    public static final String MARK = "<redacted>";

    /** A shorter value is a word like any other: taken out everywhere it would make texts unreadable, and it is no secret. */
    private static final int SHORTEST_KNOWN_SECRET = 6;

    /** Known secrets; a node has a few. */
    private static final int MAX_KNOWN = 1_000;

    // Every repetition below has a bound or gives nothing back: a log may hold megabytes of anything, and must not take
    // minutes.

    private static final String SECRET_WORD =
            "(?:password|passwd|passphrase|secret|token|credential|api[_\\-.]?key|private[_\\-.]?key|access[_\\-.]?key|authorization)";

    private static final String REST_OF_KEY = "[\\w.\\-]{0,64}+";

    /** In quotes, as the block of indented lines that YAML knows, or up to the next white space or punctuation. */
    private static final String VALUE = "(?:\"((?:[^\"\\\\\\n]++|\\\\.){0,1000}+)\""
            + "|'([^'\\n]*+)'"
            + "|([|>][+\\-0-9]{0,2}+[ \\t]*+\\n(?:[ \\t]++[^\\n]*+(?:\\n|\\z)){1,500}+)"
            + "|([^\\s,;}\\]\"']++))";

    /** {@code key: value}, {@code "key": "value"}, {@code KEY=value}, {@code --key value}: group 1 is kept, one of the others is the value. */
    private static final Pattern UNDER_KEY = Pattern.compile(
            "((?=[ptscaPTSCA])" + SECRET_WORD + REST_OF_KEY
                    + "(?:[\"']?[ \\t]{0,8}+[:=][ \\t]{0,8}+|(?<=--[\\w.\\-]{1,140})[ \\t]{1,8}+)"
                    + "(?:(?:Bearer|Basic|Digest)[ \\t]{1,8}+)?)" + VALUE,
            Pattern.CASE_INSENSITIVE);

    private static final int VALUE_GROUPS = 5;

    /** Also folded into one line of a log. */
    private static final Pattern PRIVATE_KEY = Pattern.compile(
            "-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----|\\z)",
            Pattern.DOTALL);

    private static final Pattern SCHEME = Pattern.compile("\\b((?:Bearer|Basic)[ \\t]{1,8}+)[A-Za-z0-9+/=._~\\-]{8,}+");

    private static final Pattern JSON_WEB_TOKEN = Pattern.compile(
            "(?<![A-Za-z0-9_\\-])eyJ[A-Za-z0-9_\\-]{8,512}+\\.[A-Za-z0-9_\\-]{8,16384}+\\.[A-Za-z0-9_\\-]{0,4096}+");

    private static final Pattern USER_INFO = Pattern.compile("(://[^/\\s:@]{0,256}+:)[^/\\s@]{1,1024}+(@)");

    private static final Pattern SECRET_NAME = Pattern.compile(SECRET_WORD, Pattern.CASE_INSENSITIVE);

    /** Variables whose values tell something about the process and nothing about anybody. */
    private static final Set<String> PLAIN_VARIABLES = Set.of(
            "PATH",
            "JAVA_HOME",
            "JAVA_VERSION",
            "JAVA_TOOL_OPTIONS",
            "JDK_JAVA_OPTIONS",
            "HOME",
            "USER",
            "LOGNAME",
            "SHELL",
            "LANG",
            "LC_ALL",
            "TZ",
            "PWD",
            "HOSTNAME",
            "INVOCATION_ID",
            "CONTAINER",
            "KUBERNETES_SERVICE_HOST",
            "VARVE_SERVER",
            "VARVE_JAVA_OPTIONS");

    private final List<String> known;

    private Redaction(List<String> known) {
        this.known = known;
    }

    /**
     * Rules that also know the secrets of this process.
     *
     * @param environment its variables: values of those whose name says secret, and of all that are not known to be harmless, are secrets
     * @param texts configuration, system properties, command line: what stands under a key that says secret
     */
    public static Redaction knowing(Map<String, String> environment, List<String> texts) {
        List<String> known = new ArrayList<>();
        environment.forEach((name, value) -> {
            if (SECRET_NAME.matcher(name).find()) {
                known.add(value);
            }
        });
        for (String text : texts) {
            Matcher matcher = UNDER_KEY.matcher(text);
            while (matcher.find() && known.size() < MAX_KNOWN) {
                known.add(value(matcher));
            }
        }
        return new Redaction(known.stream()
                .filter(secret -> secret.length() >= SHORTEST_KNOWN_SECRET && !secret.equals(MARK))
                .distinct()
                // A secret that is part of another one must not cut that one in pieces.
                .sorted(Comparator.comparingInt(String::length).reversed())
                .limit(MAX_KNOWN)
                .toList());
    }

    private static String value(Matcher matcher) {
        for (int group = 2; group <= VALUE_GROUPS; group++) {
            String value = matcher.group(group);
            if (value != null) {
                return value;
            }
        }
        return "";
    }

    /** The text without secrets. */
    public String of(String text) {
        String result = PRIVATE_KEY.matcher(text).replaceAll(Matcher.quoteReplacement(MARK));
        for (String secret : known) {
            result = result.replace(secret, MARK);
        }
        result = UNDER_KEY.matcher(result).replaceAll(match -> Matcher.quoteReplacement(match.group(1) + MARK));
        result = SCHEME.matcher(result).replaceAll("$1" + Matcher.quoteReplacement(MARK));
        result = JSON_WEB_TOKEN.matcher(result).replaceAll(Matcher.quoteReplacement(MARK));
        return USER_INFO.matcher(result).replaceAll("$1" + Matcher.quoteReplacement(MARK) + "$2");
    }

    /** One line for each variable; the value only of those that are known to be harmless. */
    public String environment(Map<String, String> variables) {
        StringBuilder text = new StringBuilder();
        new TreeMap<>(variables)
                .forEach((name, value) -> text.append(name)
                        .append('=')
                        .append(PLAIN_VARIABLES.contains(name) ? of(value) : MARK)
                        .append('\n'));
        return text.toString();
    }
}
