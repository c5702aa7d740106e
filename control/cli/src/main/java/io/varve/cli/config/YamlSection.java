package io.varve.cli.config;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import org.yaml.snakeyaml.nodes.MappingNode;
import org.yaml.snakeyaml.nodes.Node;
import org.yaml.snakeyaml.nodes.ScalarNode;
import org.yaml.snakeyaml.nodes.SequenceNode;

/**
 * One mapping of a YAML file, with the lines it came from. Problems are collected, not thrown, so that a person sees all
 * of them at once; a value that is wrong reads as absent.
 */
final class YamlSection {
    private final String path;
    private final int line;
    private final List<ConfigProblem> problems;
    private final Map<String, Node> values = new LinkedHashMap<>();

    /**
     * @param path of this section, with {@code []} after lists; empty for the whole file
     * @param problems where problems go
     */
    YamlSection(String path, MappingNode node, List<ConfigProblem> problems) {
        this.path = path;
        this.line = lineOf(node);
        this.problems = problems;
        for (var entry : node.getValue()) {
            take(entry.getKeyNode(), entry.getValueNode());
        }
    }

    private void take(Node keyNode, Node value) {
        if (!(keyNode instanceof ScalarNode scalar)) {
            problems.add(new ConfigProblem(lineOf(keyNode), path, "a key must be a plain word"));
            return;
        }
        var key = full(scalar.getValue());
        if (!ConfigKeys.isKnown(key)) {
            var hint = ConfigKeys.nearest(key)
                    .map(name -> "; did you mean '" + name + "'?")
                    .orElse("");
            problems.add(new ConfigProblem(lineOf(keyNode), key, "unknown key" + hint));
        } else if (values.put(scalar.getValue(), value) != null) {
            problems.add(new ConfigProblem(lineOf(keyNode), key, "given twice"));
        }
    }

    static int lineOf(Node node) {
        return node.getStartMark().getLine() + 1;
    }

    private String full(String key) {
        return path.isEmpty() ? key : path + "." + key;
    }

    boolean has(String key) {
        return values.containsKey(key);
    }

    /** A value that must be there; empty after the problem was noted. */
    <T> Optional<T> required(String key, Function<String, T> parse) {
        if (!has(key)) {
            problems.add(new ConfigProblem(line, full(key), "missing"));
        }
        return optional(key, parse);
    }

    /**
     * A value that may be left out.
     *
     * @param parse throws IllegalArgumentException with a message for people
     */
    <T> Optional<T> optional(String key, Function<String, T> parse) {
        var node = values.get(key);
        if (node == null) {
            return Optional.empty();
        }
        if (!(node instanceof ScalarNode scalar)) {
            problems.add(new ConfigProblem(lineOf(node), full(key), "must be a single value"));
            return Optional.empty();
        }
        try {
            return Optional.of(parse.apply(scalar.getValue()));
        } catch (IllegalArgumentException e) {
            var message = e.getMessage();
            problems.add(new ConfigProblem(lineOf(node), full(key), message == null ? e.toString() : message));
            return Optional.empty();
        }
    }

    /** A section inside this one. */
    Optional<YamlSection> section(String key) {
        var node = values.get(key);
        if (node == null) {
            return Optional.empty();
        }
        return mapping(full(key), node);
    }

    /** The sections of a list that must be there and hold at least one. */
    List<YamlSection> requiredList(String key) {
        var node = values.get(key);
        if (node == null) {
            problems.add(new ConfigProblem(line, full(key), "missing"));
            return List.of();
        }
        if (!(node instanceof SequenceNode sequence) || sequence.getValue().isEmpty()) {
            problems.add(new ConfigProblem(lineOf(node), full(key), "must be a list with at least one entry"));
            return List.of();
        }
        var sections = new ArrayList<YamlSection>();
        for (var entry : sequence.getValue()) {
            mapping(full(key) + "[]", entry).ifPresent(sections::add);
        }
        return sections;
    }

    private Optional<YamlSection> mapping(String where, Node node) {
        if (node instanceof MappingNode mapping) {
            return Optional.of(new YamlSection(where, mapping, problems));
        }
        problems.add(new ConfigProblem(lineOf(node), where, "must be a section with keys of its own"));
        return Optional.empty();
    }

    /** Notes something that is wrong with a key of this section. */
    void problem(String key, String message) {
        var node = values.get(key);
        problems.add(new ConfigProblem(node == null ? line : lineOf(node), full(key), message));
    }
}
