package io.varve.cli.config;

import java.util.List;

/** What reading a configuration file gave. */
public sealed interface ConfigResult {
    /** The file is complete and every value is in range. */
    record Loaded(NodeConfig config) implements ConfigResult {}

    /** The file cannot be used; every problem found, in the order of the file, at least one. */
    record Rejected(List<ConfigProblem> problems) implements ConfigResult {
        public Rejected {
            problems = List.copyOf(problems);
        }
    }
}
