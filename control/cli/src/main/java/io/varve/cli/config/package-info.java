/**
 * A node's configuration: one YAML file, read into records. Whoever reads it either gets a complete, checked
 * {@link io.varve.cli.config.NodeConfig} or every problem of the file with its line; nothing starts on a guess. The keys
 * are described for people in {@code docs/operating/configuration.md}; a test keeps that page complete.
 */
@NullMarked
package io.varve.cli.config;

import org.jspecify.annotations.NullMarked;
